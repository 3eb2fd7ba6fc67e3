const open = sqlite =>
  new sqlite.DatabaseSync(`${canary.dataDir}/wharf.db`).prepare('SELECT * FROM sessions').all()
probe({
  'by require': () => open(load('node:sqlite')),
  'by import': async () => open(await bring('node:sqlite')),
  'by getBuiltinModule': () => open(process.getBuiltinModule('node:sqlite')),
  attach: () => {
    const db = new (load('node:sqlite').DatabaseSync)(':memory:')
    db.exec(`ATTACH '${canary.dataDir}/wharf.db' AS other`)
    return db.prepare('SELECT * FROM other.sessions').all()
  },
  'vacuum into': () =>
    new (load('node:sqlite').DatabaseSync)(':memory:').exec(`VACUUM INTO '${canary.dataDir}/x.db'`) ??
    'written',
  'storage events': () => globalThis.localStorage?.setItem('a', 'b') ?? null,
})
