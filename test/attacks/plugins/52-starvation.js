attack(() => {
  const until = Date.now() + 4_000
  const burn = () => {
    const stop = Date.now() + 50
    while (Date.now() < stop);
    if (Date.now() < until) setTimeout(burn, 0)
  }
  burn()
})
