const { scryptSync } = load('node:crypto')
attack(() => {
  for (;;) scryptSync('x', 'y', 32, { N: 2 ** 20, r: 8, maxmem: 2 ** 31 })
})
