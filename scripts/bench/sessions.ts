// What an idle session weighs in the engine, and how soon fifty of them are back after a restart.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startChild } from './child.ts'
import { type Emulator, startEmulator } from './emulator.ts'
import type { EngineCommands } from './engine-host.ts'
import type { Bench, Figure } from './figure.ts'

const SESSIONS = 50

/** Sessions that are linked at a time. */
const AT_ONCE = 5

export const idleSessions: Bench = {
  name: 'sessions',
  about: `memory of an idle session, and the time until ${SESSIONS} are open`,
  async run() {
    await using stack = new AsyncDisposableStack()
    const folder = mkdtempSync(join(tmpdir(), 'wharf-bench-'))
    stack.defer(() => rmSync(folder, { recursive: true, force: true }))
    const emulator = stack.use(await startEmulator())
    const { empty, one } = await link(emulator, folder)

    // After a restart, so that nothing of the linking is left in memory.
    const { url, rootKey } = emulator
    const engine = stack.use(startChild<EngineCommands>('engine-host.ts', { url, rootKey, folder }))
    const opened = await engine.ask('allReady', SESSIONS)
    const all = await engine.ask('memory')
    const weighs = (count: number, value: number, goal: Figure['goal']): Figure => ({
      name: `an idle session, ${count} open (RSS)`,
      value,
      unit: 'MB',
      baseline: null,
      goal,
    })
    return [
      weighs(1, one - empty, null),
      weighs(SESSIONS, (all - empty) / SESSIONS, { of: 'value', atMost: 2 }),
      {
        name: `${SESSIONS} sessions open after a restart`,
        value: opened,
        unit: 'ms',
        baseline: null,
        goal: null,
      },
    ]
  },
}

/** Links them all with one engine; gives its memory without a session, and with one. */
async function link(
  { url, rootKey, ask }: Emulator,
  folder: string,
): Promise<{ empty: number; one: number }> {
  await using engine = startChild<EngineCommands>('engine-host.ts', { url, rootKey, folder })
  const empty = await engine.ask('memory')
  let next = 0
  async function linkNext(): Promise<void> {
    const index = next
    next += 1
    const sessionId = await engine.ask('create', `session ${index}`)
    const qr = await engine.ask('qr', sessionId)
    await ask('scan', { pn: `1555222${String(index).padStart(4, '0')}`, qr })
    await engine.ask('ready', sessionId)
  }
  await linkNext()
  const one = await engine.ask('memory')
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < SESSIONS) await linkNext()
    }),
  )
  return { empty, one }
}
