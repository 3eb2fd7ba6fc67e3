const names = [
  'storage.Get',
  'STORAGE.GET',
  'storage.get ',
  ' storage.get',
  'storage．get',
  'storage.get\u0000',
  'ѕtorage.get',
]
const tries = {}
for (const [index, verb] of names.entries())
  tries[`spelt ${index}`] = async () => {
    raw({ t: 'call', id: 1_000 + index, method: 'capability', params: { verb, args: ['k'] } })
    await pause(20)
  }
probe(tries)
