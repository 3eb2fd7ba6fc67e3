const child = () => load('node:child_process')
probe({
  execFile: () => child().execFileSync('/bin/sh', ['-c', 'id']).toString(),
  exec: () => child().execSync('id').toString(),
  spawn: () =>
    new Promise((yes, no) =>
      child()
        .spawn('/bin/true')
        .once('spawn', () => yes('started'))
        .once('error', no),
    ),
  fork: () =>
    new Promise((yes, no) =>
      child()
        .fork(__filename)
        .once('spawn', () => yes('forked'))
        .once('error', no),
    ),
  cluster: () => load('node:cluster').fork().process.pid,
  execve: () => process.execve('/bin/sh', ['sh']),
  'spawn of itself': () => child().spawnSync(process.execPath, ['-p', '1']).stdout?.toString(),
})
