attack(async () => {
  const huge = await ctx.storage.set('huge', 'x'.repeat(100 * 1024 * 1024)).then(
    () => 'GOT a huge value',
    () => 'nothing',
  )
  say('a huge value', huge)
})
