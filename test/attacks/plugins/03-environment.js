const secretIn = text => (String(text).includes('canary-env') ? text : null)
const read = path => secretIn(load('node:fs').readFileSync(path, 'utf8'))
probe({
  'process.env': () => process.env.SECRET_KEY,
  'all of process.env': () => secretIn(JSON.stringify(process.env)),
  report: () => secretIn(JSON.stringify(process.report.getReport())),
  'own environ': () => read('/proc/self/environ'),
  'environ of the parent': () => read(`/proc/${process.ppid}/environ`),
  'environ of the gateway': () => read(`/proc/${canary.pid}/environ`),
  'first environ': () => read('/proc/1/environ'),
  argv: () => secretIn(process.argv.join() + process.execArgv.join()),
  'environment data': () => load('node:worker_threads').getEnvironmentData('SECRET_KEY'),
  'env of a child': () => load('node:child_process').execFileSync('/usr/bin/env').toString(),
})
