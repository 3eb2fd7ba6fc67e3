// One message of 1 KB to one plugin and back, through chain, tier and guest, against a bare ping of a child process.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { IncomingMessage } from '../../src/contract/message.ts'
import type { Bench } from './figure.ts'
import { createPluginRig, LOOKING_PLUGIN } from './plugin-rig.ts'
import { ofRounds, sample } from './sampling.ts'

const ROUNDS = 5
const SAMPLES = 2_000
const WARM_UP = 500

/** As OpenWA's IncomingMessage, 1 KB as JSON. */
export const message: IncomingMessage = {
  id: '3EB0C767D26A1B2F5D12',
  from: '15550000002@c.us',
  to: '15550000001@c.us',
  chatId: '15550000002@c.us',
  body: 'x'.repeat(800),
  type: 'text',
  timestamp: 1_700_000_000,
  fromMe: false,
  isGroup: false,
  kind: 'individual',
}

function ping(child: ChildProcess): Promise<unknown> {
  const answer = once(child, 'message')
  child.send(message)
  return answer
}

export const hookRoundTrip: Bench = {
  name: 'hook-round-trip',
  about: 'a 1 KB message to one plugin and back, against a bare child-process ping',
  async run() {
    await using rig = await createPluginRig()
    await rig.enable('looks', LOOKING_PLUGIN)
    const child = fork(fileURLToPath(import.meta.url), { serialization: 'json' })
    const hook = () => rig.chain.run('message:received', message, { sessionId: 'S', source: 'Engine' })
    await sample(WARM_UP, hook)
    await sample(WARM_UP, () => ping(child))
    // In turns, so that a busy moment of the machine falls on both.
    const rounds = { hook: [] as number[][], ping: [] as number[][] }
    for (let round = 0; round < ROUNDS; round += 1) {
      rounds.hook.push(await sample(SAMPLES, hook))
      rounds.ping.push(await sample(SAMPLES, () => ping(child)))
    }
    child.kill()
    const figure = (name: string, share: number, goal: { of: 'ratio'; atMost: number } | null) => ({
      name: `hook round trip, 1 KB, process tier, ${name}`,
      value: ofRounds(rounds.hook, share),
      unit: 'ms',
      baseline: ofRounds(rounds.ping, share),
      goal,
    })
    return [figure('p50', 0.5, { of: 'ratio', atMost: 1.5 }), figure('p99', 0.99, null)]
  },
}

// In the child of the baseline: say back what was said.
if (import.meta.main && process.send) process.on('message', said => process.send?.(said))
