const { deflateSync, inflateSync } = load('node:zlib')
const kept = []
attack(async () => {
  const bomb = deflateSync(Buffer.alloc(16 * 1024 * 1024))
  for (let n = 0; n < 100; n += 1) {
    kept.push(inflateSync(bomb).fill(1))
    await pause(5)
  }
})
