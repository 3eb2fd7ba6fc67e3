const tries = {
  storage: () => ctx.storage.get('k'),
  send: () => ctx.messages.sendText(canary.session, 'a@c.us', 'x'),
  fetch: () => ctx.net.fetch('https://example.com/'),
  engine: () => ctx.engine.getChats(canary.session),
}
probe(tries)
const names = [
  'storage.Get',
  'STORAGE.GET',
  'storage.get ',
  ' storage.get',
  'storage．get',
  'storage.get\u0000',
  'ѕtorage.get',
]
for (const [index, verb] of names.entries())
  tries[`spelt ${index}`] = async () => {
    raw({ t: 'call', id: 1_000 + index, method: 'capability', params: { verb, args: ['k'] } })
    await pause(20)
  }
