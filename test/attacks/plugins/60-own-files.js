const fs = () => load('node:fs')
probe({
  'change the main file': () => fs().writeFileSync(__filename, '// other') ?? 'written',
  'add to the package': () => fs().writeFileSync(`${__dirname}/more.js`, '') ?? 'written',
  'replace the main file': () => fs().renameSync(`${__dirname}/manifest.json`, __filename) ?? 'renamed',
  'change the runtime': () =>
    fs().writeFileSync(require.main?.filename ?? '/guest/guest.cjs', '') ?? 'written',
  'change modes': () => fs().chmodSync(__filename, 0o777) ?? 'changed',
  'mark as old': () => fs().utimesSync(__filename, 0, 0) ?? 'changed',
  'a temporary file': () => fs().writeFileSync('/tmp/x', 'x') ?? 'written',
})
