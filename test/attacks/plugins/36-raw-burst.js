attack(async () => {
  for (let n = 0; n < 1_000_000; n += 1)
    raw({ t: 'event', method: 'log', params: { level: 'debug', message: 'x' } })
})
