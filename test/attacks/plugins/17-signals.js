const kill = (pid, signal) => process.kill(pid, signal) && `signalled ${pid} with ${signal}`
probe({
  'gateway there': () => kill(canary.pid, 0),
  'gateway terminated': () => kill(canary.pid, 'SIGTERM'),
  'gateway stopped': () => kill(canary.pid, 'SIGSTOP'),
  'gateway killed': () => kill(canary.pid, 'SIGKILL'),
  'debugger of the gateway': () => process._debugProcess(canary.pid) ?? null,
  'priority of the gateway': () => load('node:os').setPriority(canary.pid, 19) ?? 'changed',
})
