const kept = []
attack(async () => {
  for (let n = 0; n < 400; n += 1) {
    kept.push(Buffer.alloc(8 * 1024 * 1024, 1))
    await pause(5)
  }
})
