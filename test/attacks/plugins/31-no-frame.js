attack(async () => {
  raw(Buffer.from('this is no JSON'))
  await pause(5_000)
})
