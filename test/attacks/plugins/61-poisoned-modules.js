probe({
  'modules of the gateway': () => load('libsql'),
  'path of modules': () => {
    process.env.NODE_PATH = `${canary.root}/node_modules`
    module.constructor?._initPaths?.()
    return load('@libsql/client')
  },
  'import by name': async () => (await bring('hono')).Hono,
  'imports of the package': () => load('#inside'),
  'options of Node': () => process.env.NODE_OPTIONS,
  'a module in the place of one of Node': () => {
    require.cache.fs = { exports: { readFileSync: () => 'poisoned' } }
    return process.getBuiltinModule('fs')?.readFileSync(canary.file)
  },
})
