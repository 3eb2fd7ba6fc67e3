attack(() => {
  const kept = []
  for (;;) kept.push(kept.length)
})
