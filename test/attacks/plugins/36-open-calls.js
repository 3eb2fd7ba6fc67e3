attack(async () => {
  const calls = Array.from({ length: 10_000 }, (_, n) =>
    ctx.storage.get(`k${n}`).then(
      () => 'passed',
      error => error.message,
    ),
  )
  const answers = await Promise.all(calls)
  const passed = answers.filter(answer => answer === 'passed').length
  say('calls that passed at once', passed > 5_000 ? `GOT ${passed}` : 'nothing')
})
