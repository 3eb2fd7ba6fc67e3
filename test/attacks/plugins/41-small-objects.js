const kept = []
attack(async () => {
  for (;;) {
    for (let n = 0; n < 100_000; n += 1) kept.push({ n })
    await pause(0)
  }
})
