probe({
  'stack overflow': () => {
    const deep = () => deep() + 1
    return deep()
  },
  'deep text': () => JSON.parse('['.repeat(5_000_000)),
  'many promises': async () => {
    await Promise.all(Array.from({ length: 100_000 }, (_, n) => Promise.resolve(n)))
  },
  'deep answer': async () => {
    let value = {}
    for (let depth = 0; depth < 20_000; depth += 1) value = { value }
    await ctx.storage.set('deep', value)
  },
})
