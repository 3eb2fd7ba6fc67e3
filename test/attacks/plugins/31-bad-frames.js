attack(async () => {
  for (let turn = 0; turn < 10; turn += 1)
    for (const frame of [
      { t: 'call', id: 1_000 + turn, method: 'capability' },
      { t: 'call', id: 2_000 + turn, method: 'capability', params: { verb: 5, args: 'x' } },
      { t: 'event', method: 'subscribe', params: { event: 'message:received', priority: '1' } },
      { t: 'event', method: 'log', params: null },
      { t: 'result', id: 9_999_999, value: 'nobody asked' },
    ])
      raw(frame)
  await pause(5_000)
})
