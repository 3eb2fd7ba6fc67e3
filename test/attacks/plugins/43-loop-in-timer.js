attack(() => {
  setTimeout(() => {
    for (;;);
  }, 10)
})
