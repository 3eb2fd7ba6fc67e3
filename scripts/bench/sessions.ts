// What an idle session weighs in the engine, and how soon they are all back after a restart.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startChild } from './child.ts'
import { type Emulator, startEmulator } from './emulator.ts'
import type { EngineCommands } from './engine-host.ts'
import type { Bench, Figure } from './figure.ts'

const COUNTS = [1, 50, 100]

/** Sessions that are linked at a time. */
const AT_ONCE = 5

/** Most that one may weigh. */
const MAX_MB = 2

export const idleSessions: Bench = {
  name: 'sessions',
  about: `memory of an idle session at ${COUNTS.join(', ')}, and the time until they are open`,
  async run() {
    await using stack = new AsyncDisposableStack()
    const folder = mkdtempSync(join(tmpdir(), 'wharf-bench-'))
    stack.defer(() => rmSync(folder, { recursive: true, force: true }))
    const emulator = stack.use(await startEmulator())
    const { url, rootKey } = emulator
    const start = () => startChild<EngineCommands>('engine-host.ts', { url, rootKey, folder })

    const figures: Figure[] = []
    let empty = 0
    let linked = 0
    for (const count of COUNTS) {
      {
        await using engine = start()
        if (linked === 0) empty = await engine.ask('memory')
        await link(emulator, engine, { from: linked, to: count })
        linked = count
      }
      // After a restart, so that nothing of the linking is left in memory.
      await using engine = start()
      const opened = await engine.ask('allReady', count)
      const weight = ((await engine.ask('memory')) - empty) / count
      figures.push(
        {
          name: `an idle session, ${count} open (RSS)`,
          value: weight,
          unit: 'MB',
          baseline: null,
          goal: count === 1 ? null : { of: 'value', atMost: MAX_MB },
        },
        {
          name: `${count} sessions open after a restart`,
          value: opened,
          unit: 'ms',
          baseline: null,
          goal: null,
        },
      )
    }
    return figures
  },
}

async function link(
  { ask }: Emulator,
  engine: ReturnType<typeof startChild<EngineCommands>>,
  { from, to }: { from: number; to: number },
): Promise<void> {
  let next = from
  async function linkNext(): Promise<void> {
    const index = next
    next += 1
    const sessionId = await engine.ask('create', `session ${index}`)
    const qr = await engine.ask('qr', sessionId)
    await ask('scan', { pn: `1555222${String(index).padStart(4, '0')}`, qr })
    await engine.ask('ready', sessionId)
  }
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < to) await linkNext()
    }),
  )
}
