attack(async () => {
  const head = Buffer.alloc(4)
  head.writeUInt32BE(150 * 1024 * 1024)
  load('node:fs').writeSync(3, head)
  await pause(5_000)
})
