attack(async () => {
  const message = 'x'.repeat(50)
  for (let n = 0; n < 1_000_000; n += 1) {
    void ctx.storage.get(message).catch(() => {})
    if (n % 5_000 === 0) await pause(0)
  }
})
