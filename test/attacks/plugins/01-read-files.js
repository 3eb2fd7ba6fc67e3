const fs = () => load('node:fs')
const read = path => fs().readFileSync(path, 'utf8')
probe({
  'file beside the database': () => read(canary.file),
  'by file url': () => read(new URL(`file://${canary.file}`)),
  'by buffer path': () => fs().readFileSync(Buffer.from(canary.file), 'utf8'),
  'by promises': () => load('node:fs/promises').readFile(canary.file, 'utf8'),
  'by descriptor': () => fs().openSync(canary.file),
  'by stream': () =>
    new Promise((yes, no) => fs().createReadStream(canary.file).once('data', yes).once('error', no)),
  'by require': () => load(canary.file),
  'by import': async () => (await bring(`file://${canary.file}`)).default,
  'by root of a process': () => read(`/proc/self/root${canary.file}`),
  'by working folder': () => read(`/proc/self/cwd/../..${canary.file}`),
  'by climbing': () => read(`${__dirname}/../../../../../../../..${canary.file}`),
  database: () => read(`${canary.dataDir}/wharf.db`),
  'database log': () => read(`${canary.dataDir}/wharf.db-wal`),
  'encryption key': () => read(`${canary.dataDir}/encryption.key`),
  'admin key': () => read(`${canary.dataDir}/.api-key`),
  'list of the folder': () => fs().readdirSync(canary.dataDir),
  passwd: () => read('/etc/passwd'),
  'whether it is there': () => fs().existsSync(canary.file),
  'watch it': () => fs().watch(canary.file),
  'change it': () => fs().writeFileSync(canary.file, 'changed') ?? 'written',
  'take it away': () => fs().rmSync(canary.file) ?? 'removed',
  'copy it': () => fs().copyFileSync(canary.file, '/tmp/copied') ?? 'copied',
  'link it': () => fs().linkSync(canary.file, '/tmp/linked') ?? 'linked',
})
