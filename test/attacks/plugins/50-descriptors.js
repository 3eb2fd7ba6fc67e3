attack(() => {
  let opened = 0
  try {
    const fs = load('node:fs')
    for (; opened < 100_000; opened += 1) fs.openSync(__filename)
  } catch {}
  say('descriptors', opened > 1_024 ? `GOT ${opened}` : 'nothing')
})
