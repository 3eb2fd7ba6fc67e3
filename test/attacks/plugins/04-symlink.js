const fs = () => load('node:fs')
const through = (at, to) => {
  fs().symlinkSync(to, at)
  return fs().readFileSync(at, 'utf8')
}
probe({
  'link in the package': () => through(`${__dirname}/data`, canary.file),
  'link in tmp': () => through('/tmp/data', canary.file),
  'link to a folder': () => fs().readdirSync(`${through('/tmp/folder', canary.dataDir)}/.`),
  'rename over the main file': () => fs().renameSync(canary.file, `${__dirname}/index.js`) ?? 'renamed',
})
