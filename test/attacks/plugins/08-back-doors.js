const readBy = fs => fs.readFileSync(canary.file, 'utf8')
probe({
  'process.binding': () => readBy(process.binding('fs')),
  'linked binding': () => process._linkedBinding('fs'),
  'internal binding': () => process.internalBinding('fs'),
  getBuiltinModule: () => readBy(process.getBuiltinModule('fs')),
  createRequire: () => readBy(load('node:module').createRequire('/')('fs')),
  'the module class': () => readBy(module.constructor._load('fs')),
  'createRequire of the class': () => readBy(module.constructor.createRequire('/')('fs')),
  'a hook of its own': () => {
    module.constructor.registerHooks({
      resolve: () => ({ url: 'node:child_process', format: 'builtin', shortCircuit: true }),
    })
    return load('anything').execFileSync
  },
  'import of a module': async () => readBy(await bring('node:fs')),
  'import of data': async () =>
    (await bring("data:text/javascript,export default 'code from a string'")).default,
  'import of code': async () => readBy(await bring("data:text/javascript,export * from 'node:fs'")),
  'the internals': () => load('internal/bootstrap/realm'),
  'vm in vm': () => load('node:vm').runInNewContext('this.constructor.constructor("return process")()'),
  inspector: () => new (load('node:inspector').Session)().connect() ?? 'connected',
  repl: () => load('node:repl').start(),
  wasi: () => new (load('node:wasi').WASI)({ version: 'preview1', preopens: { '/': '/' } }),
  ffi: () => load('node:ffi'),
  'timer of text': () => setTimeout('globalThis.caught = 1', 0) && null,
  'report to a file': () => process.report.writeReport(`${canary.dataDir}/report.json`),
  'heap to a file': () => load('node:v8').writeHeapSnapshot(`${canary.dataDir}/heap`),
  chdir: () => process.chdir(canary.dataDir) ?? 'changed',
  'permission dropped': () => process.permission?.has('fs.read', canary.file),
})
