// `process`, as far as bundles ask it who they are: nothing in it tells anything of the machine.
import type { Timers } from './timers.ts'

export interface GuestProcessDeps {
  now(): number
  timers: Timers
  exit(code: number): void
  print(text: string): void
}

export function createGuestProcess({ now, timers, exit, print }: GuestProcessDeps): Record<string, unknown> {
  const startedAt = now()
  const elapsed = () => now() - startedAt
  const stdout = {
    isTTY: false,
    write(text: unknown) {
      print(String(text).replace(/\n$/, ''))
      return true
    },
    on: () => stdout,
  }
  const self: Record<string, unknown> = {
    title: 'plugin',
    argv: ['node', 'plugin'],
    argv0: 'node',
    execArgv: [],
    env: {},
    pid: 1,
    ppid: 0,
    platform: 'linux',
    arch: 'x64',
    version: 'v26.0.0',
    versions: { node: '26.0.0' },
    release: { name: 'node' },
    exitCode: undefined,
    cwd: () => '/plugin',
    uptime: () => elapsed() / 1_000,
    hrtime: Object.assign(
      (from: [number, number] = [0, 0]) => {
        const ms = elapsed() - from[0] * 1_000 - from[1] / 1_000_000
        return [Math.floor(ms / 1_000), Math.round((ms % 1_000) * 1_000_000)]
      },
      { bigint: () => BigInt(elapsed()) * 1_000_000n },
    ),
    nextTick: (run: unknown, ...args: unknown[]) =>
      timers.globals.queueMicrotask(
        typeof run === 'function' ? () => Reflect.apply(run, undefined, args) : run,
      ),
    emitWarning: () => {},
    stdout,
    stderr: stdout,
    exit: (code: unknown) => exit(Number(code ?? self.exitCode ?? 0) || 0),
  }
  // Listeners are taken and never called: the isolate just ends.
  for (const name of ['on', 'once', 'off', 'addListener', 'removeListener', 'removeAllListeners'])
    self[name] = () => self
  for (const name of ['emit', 'listenerCount']) self[name] = () => 0
  return self
}
