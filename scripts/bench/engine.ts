// The engine against bare Baileys with its state in memory, on one emulated WhatsApp: sends and what comes in. Each of the three
// is a process of its own.
import { once } from 'node:events'
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { BareCommands } from './bare-client.ts'
import { startChild } from './child.ts'
import { contactNumbers, startEmulator } from './emulator.ts'
import type { EngineCommands } from './engine-host.ts'
import { type Bench, type Figure, percentile } from './figure.ts'
import { ofRounds } from './sampling.ts'
import type { SendResult } from './send-load.ts'

const SEND_ROUNDS = 3
const CONTACTS = 50
const loads = [
  { inFlight: 1, count: 150 },
  { inFlight: 10, count: 500 },
  { inFlight: 50, count: 750 },
]
/**
 * So many that the end of a round, which is one more commit and a plugin that is told, is little of it. Not more: above 4,000 in
 * one burst bare Baileys now and then loses a message.
 */
const INBOUND = 2_000
/** Odd, so that the median is one of them; the machine's slow moments last about as long as a round. */
const INBOUND_ROUNDS = 5
/** What bare Baileys loses would be waited for for ever. */
const INBOUND_WITHIN_MS = 60_000
const SYNCS = 100
const BARE = '15550000001'
const OURS = '15550000002'
const sides = ['ours', 'bare'] as const

/** Counts what comes in, from wherever it likes. */
interface Receiver {
  received(): Promise<number>
  reached(total: number): Promise<unknown>
}

export const engineThroughput: Bench = {
  name: 'engine',
  about: 'sends and inbound messages per second, against bare Baileys',
  async run() {
    await using stack = new AsyncDisposableStack()
    const folder = mkdtempSync(join(tmpdir(), 'wharf-bench-'))
    stack.defer(() => rmSync(folder, { recursive: true, force: true }))
    const emulator = stack.use(await startEmulator())
    const { url, rootKey } = emulator
    const bare = stack.use(startChild<BareCommands>('bare-client.ts', { url, rootKey }))
    const ours = stack.use(startChild<EngineCommands>('engine-host.ts', { url, rootKey, folder }))
    const to = contactNumbers(CONTACTS)
    for (const pn of to) await emulator.ask('contact', { pn })

    await emulator.ask('scan', { pn: BARE, qr: await bare.ask('qr') })
    await bare.ask('opened')
    const sessionId = await ours.ask('create', 'bench')
    await emulator.ask('scan', { pn: OURS, qr: await ours.ask('qr', sessionId) })
    await ours.ask('ready', sessionId)
    await ours.ask('listen', sessionId)

    const send = {
      ours: (inFlight: number, count: number) => ours.ask('send', { sessionId, inFlight, count, to }),
      bare: (inFlight: number, count: number) => bare.ask('send', { inFlight, count, to }),
    }
    /**
     * Messages per second, from the first frame until the last message is where it should be. What phones do before a frame is
     * on its way, encryption above all, is done before: on two cores it would take a part of them from what is measured.
     */
    async function inbound(pn: string, side: Receiver): Promise<number> {
      await emulator.ask('hold', { pn, holding: true })
      await emulator.ask('write', { from: to, to: pn, text: 'hello', count: INBOUND })
      const total = (await side.received()) + INBOUND
      const start = performance.now()
      const arrived = side.reached(total)
      await emulator.ask('hold', { pn, holding: false })
      const late = AbortSignal.timeout(INBOUND_WITHIN_MS)
      await Promise.race([
        arrived,
        once(late, 'abort').then(() => {
          throw new Error(`${pn} did not get all messages in ${INBOUND_WITHIN_MS} ms; run the bench again`)
        }),
      ])
      return INBOUND / ((performance.now() - start) / 1000)
    }
    const receive = {
      ours: () =>
        inbound(OURS, {
          received: () => ours.ask('received'),
          reached: total => ours.ask('reached', total),
        }),
      bare: () =>
        inbound(BARE, {
          received: () => bare.ask('received'),
          reached: total => bare.ask('reached', total),
        }),
    }

    // Each chat has a session of Signal afterwards, in both directions.
    for (const side of sides) await send[side](CONTACTS, 2 * CONTACTS)

    const sends = loads.map(load => ({ ...load, ours: [] as SendResult[], bare: [] as SendResult[] }))
    // One round of each that does not count: the first runs code that is not compiled yet, and half as fast on either side.
    for (const { inFlight, count } of loads) for (const side of sides) await send[side](inFlight, count)
    // In turns, so that a busy moment of the machine falls on both.
    for (let round = 0; round < SEND_ROUNDS; round += 1) {
      for (const { inFlight, count, ...results } of sends)
        for (const side of sides) results[side].push(await send[side](inFlight, count))
    }
    for (const side of sides) await receive[side]()
    const rates = { ours: [] as number[], bare: [] as number[] }
    for (let round = 0; round < INBOUND_ROUNDS; round += 1)
      for (const side of sides) rates[side].push(await receive[side]())
    return [
      {
        name: 'the disk: one page written and synced, p50',
        value: percentile(syncs(folder), 0.5),
        unit: 'ms',
        baseline: null,
        goal: null,
      },
      ...sends.flatMap(figuresOfSends),
      {
        name: 'inbound, stored, hooked by a plugin, queued for a webhook',
        value: percentile(rates.ours, 0.5),
        unit: 'msg/s',
        baseline: percentile(rates.bare, 0.5),
        goal: { of: 'ratio', atLeast: 0.7 },
      },
    ]
  },
}

/** What the engine waits for at each commit, and a store in memory never does: says how to read the rest. */
function syncs(folder: string): number[] {
  const file = openSync(join(folder, 'sync'), 'w')
  const page = Buffer.alloc(4_096, 1)
  const times = Array.from({ length: SYNCS }, () => {
    const start = performance.now()
    writeSync(file, page)
    fdatasyncSync(file)
    return performance.now() - start
  })
  closeSync(file)
  return times
}

function figuresOfSends(of: { inFlight: number; ours: SendResult[]; bare: SendResult[] }): Figure[] {
  const name = `sends, ${of.inFlight} in flight`
  const rate = (results: readonly SendResult[]) =>
    percentile(
      results.map(({ perSecond }) => perSecond),
      0.5,
    )
  const time = (results: readonly SendResult[], share: number) =>
    ofRounds(
      results.map(({ times }) => times),
      share,
    )
  const timed = (share: number) => ({
    value: time(of.ours, share),
    unit: 'ms',
    baseline: time(of.bare, share),
    goal: null,
  })
  return [
    {
      name: `${name}, until acknowledged`,
      value: rate(of.ours),
      unit: 'msg/s',
      baseline: rate(of.bare),
      goal: { of: 'ratio', atLeast: 0.7 },
    },
    { name: `${name}, p50`, ...timed(0.5) },
    { name: `${name}, p99`, ...timed(0.99) },
    {
      name: `${name}, added at p50`,
      value: time(of.ours, 0.5) - time(of.bare, 0.5),
      unit: 'ms',
      baseline: null,
      goal: { of: 'value', atMost: 5 },
    },
  ]
}
