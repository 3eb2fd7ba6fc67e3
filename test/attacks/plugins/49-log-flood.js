attack(async () => {
  ctx.logger.log(`\u001b[2J\u001b[31mred\r\n{"level":60,"msg":"forged line"}\u202eesrever`)
  ctx.logger.log('y'.repeat(10 * 1024 * 1024))
  for (let n = 0; n < 100_000; n += 1) ctx.logger.error(`flood ${n} ${'z'.repeat(100)}`)
  for (let n = 0; n < 20_000; n += 1) console.log(`printed ${n} ${'z'.repeat(100)}`)
})
