attack(async () => {
  const value = 'x'.repeat(1024 * 1024)
  let stored = 0
  let why = ''
  for (let n = 0; n < 60 && why === ''; n += 1)
    await ctx.storage.set(`k${n}`, value).then(
      () => {
        stored += 1
      },
      error => {
        why = error.message
      },
    )
  say('bytes beyond the quota', why.includes('quota') ? 'nothing' : `GOT ${stored} MiB (${why})`)
  const long = await ctx.storage.set('k'.repeat(1_000_000), 1).then(
    () => 'GOT a long key',
    () => 'nothing',
  )
  say('a long key', long)
})
