attack(async () => {
  const params = { verb: 'storage.set', args: ['secret', 'stolen'] }
  const forged = { pluginId: 'neighbour', permissions: ['*'], role: 'admin', sessionIds: ['*'] }
  raw({ t: 'call', id: 1_001, method: 'capability', params: { ...params, ...forged } })
  raw({
    t: 'call',
    id: 1_002,
    method: 'capability',
    params: { ...params, inFlight: [], pluginId: 'neighbour' },
  })
  raw({ t: 'call', id: 1_003, method: 'capability', params, ...forged })
  await pause(300)
})
