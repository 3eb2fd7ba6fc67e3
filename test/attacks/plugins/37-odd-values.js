const tried = async make => {
  const value = make()
  await ctx.storage.set('odd', value)
  return null
}
probe({
  'five thousand deep': () =>
    tried(() => {
      let value = []
      for (let depth = 0; depth < 5_000; depth += 1) value = [value]
      return value
    }),
  'a sparse array': () => tried(() => Array.from({ length: 400_000 })),
  'a million keys': () =>
    tried(() => Object.fromEntries(Array.from({ length: 300_000 }, (_, n) => [`k${n}`, n]))),
  bigint: () => tried(() => ({ n: 10n })),
  cyclic: () =>
    tried(() => {
      const value = {}
      value.self = value
      return value
    }),
  'an invalid date': () => tried(() => new Date(Number.NaN)),
  'a pattern': () => tried(() => /(a+)+$/),
  'shared memory': () => tried(() => new SharedArrayBuffer(8)),
  infinity: () => tried(() => Number.POSITIVE_INFINITY),
})
hooks['session:created'] = () => {
  const data = {}
  data.self = data
  return { data }
}
