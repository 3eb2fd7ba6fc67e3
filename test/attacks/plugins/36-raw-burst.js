// Many in each write, so that it is a burst on a busy machine too.
attack(async () => {
  const text = Buffer.from(
    JSON.stringify({ t: 'event', method: 'log', params: { level: 'debug', message: 'x' } }),
  )
  const head = Buffer.alloc(4)
  head.writeUInt32BE(text.length)
  const many = Buffer.concat(Array(1_000).fill([head, text]).flat())
  for (let n = 0; n < 1_000; n += 1) rawBytes(many)
})
