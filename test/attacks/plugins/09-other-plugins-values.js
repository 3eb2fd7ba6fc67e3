const key = name => ctx.storage.get(name)
const tries = {}
for (const name of [
  'secret',
  '../neighbour/secret',
  'neighbour/secret',
  'neighbour:secret',
  'neighbour\u0000secret',
  '__proto__',
  'constructor',
  "x' OR '1'='1",
  '%',
  '_ecret',
  'k'.repeat(1_000_000),
])
  tries[`key ${name.slice(0, 24)}`] = () => key(name)
probe({
  ...tries,
  'list of all': () => ctx.storage.list('').then(names => names.join()),
  'list by pattern': () => ctx.storage.list('%').then(names => names.join()),
  'key that is no text': () => ctx.storage.get({ toString: () => 'secret' }),
  'key in a list': () => ctx.storage.get(['secret']),
  'take away': async () => (await ctx.storage.delete('../neighbour/secret')) ?? null,
})
