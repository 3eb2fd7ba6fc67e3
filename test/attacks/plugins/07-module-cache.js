const foreign = paths =>
  paths.filter(path => path !== __filename && !path.startsWith(__dirname)).join() || null
const own = /guest|runtime/
probe({
  'require.cache': () => foreign(Object.keys(require.cache ?? {}).filter(path => !own.test(path))),
  'children of the parent': () => foreign((module.parent?.children ?? []).map(({ filename }) => filename)),
  'require.main': () => require.main?.require?.('../src/db/schema.ts'),
  'main module': () => process.mainModule?.require('../engine-node/main.ts'),
  "the gateway's packages": () => load('@libsql/client'),
  'a path of the gateway': () => load(`${canary.root}/package.json`),
  'global paths': () => module.constructor?.globalPaths?.map(path => load(`${path}/libsql`)),
})
