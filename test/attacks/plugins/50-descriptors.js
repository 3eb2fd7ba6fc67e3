const fs = load('node:fs')
attack(() => {
  let opened = 0
  try {
    for (; opened < 100_000; opened += 1) fs.openSync(__filename)
  } catch {}
  say('descriptors', opened > 1_024 ? `GOT ${opened}` : 'nothing')
})
