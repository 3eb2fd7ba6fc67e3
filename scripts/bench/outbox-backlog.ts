// Whether what waits makes a difference: a healthy endpoint beside a dead one with a backlog, and the backlog's own drain, with
// a million rows against fifty thousand.
import { startChild } from './child.ts'
import { type Bench, type Figure, percentile } from './figure.ts'
import type { BacklogCommands } from './outbox-backlog-host.ts'
import type { ReceiverCommands } from './outbox-receiver.ts'

const FEW = 50_000
const MANY = 1_000_000
const ROUNDS = 5
const SAMPLES = 100
const DRAIN_MS = 1_000

export const outboxBacklog: Bench = {
  name: 'outbox-backlog',
  about: `an outbox with ${MANY} deliveries queued, against one with ${FEW}`,
  async run() {
    await using receiver = startChild<ReceiverCommands>('outbox-receiver.ts')
    const url = `http://127.0.0.1:${await receiver.ask('port')}/`
    await using few = startChild<BacklogCommands>('outbox-backlog-host.ts', { url })
    await using many = startChild<BacklogCommands>('outbox-backlog-host.ts', { url })
    await few.ask('fill', FEW)
    await many.ask('fill', MANY)
    /** In turns, so that a busy moment of the machine falls on both. */
    const inTurns = async (ask: (host: typeof few) => Promise<number>) => {
      const taken = { few: [] as number[], many: [] as number[] }
      for (let round = 0; round < ROUNDS; round += 1) {
        taken.few.push(await ask(few))
        taken.many.push(await ask(many))
      }
      return { value: percentile(taken.many, 0.5), baseline: percentile(taken.few, 0.5) }
    }
    const figure = (
      name: string,
      unit: string,
      taken: { value: number; baseline: number },
      goal: Figure['goal'],
    ): Figure => ({ name: `1,000,000 queued, to 50,000: ${name}`, unit, ...taken, goal })
    return [
      figure('event to healthy endpoint', 'ms', await inTurns(host => host.ask('healthy', SAMPLES)), {
        of: 'ratio',
        atMost: 1.5,
      }),
      figure('drain', '/s', await inTurns(host => host.ask('drain', DRAIN_MS)), {
        of: 'ratio',
        atLeast: 0.7,
      }),
      figure(
        'memory (RSS)',
        'MB',
        { value: await many.ask('memory'), baseline: await few.ask('memory') },
        { of: 'ratio', atMost: 1.3 },
      ),
    ]
  },
}
