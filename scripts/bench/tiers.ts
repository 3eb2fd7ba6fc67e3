// The tiers side by side: start, memory, round trip, and how an attack ends. Each in a child of its own, in turns.
import type { Tier } from '../../src/contract/plugin-view.ts'
import { type BenchChild, startChild } from './child.ts'
import { type Bench, type Figure, type Goal, percentile } from './figure.ts'
import { growth } from './memory.ts'
import { ofRounds } from './sampling.ts'
import type { bombs, loops, TierCommands } from './tier-host.ts'

const tiers = ['worker', 'process', 'isolate'] as const satisfies readonly Tier[]

const STARTS = 5
const COUNTS = [1, 10, 50]
const ROUNDS = 5
const sizes = [
  { name: '1 KB', bytes: 800, samples: 1_000 },
  { name: '64 KB', bytes: 65_000, samples: 200 },
]
const LOOPS = 3
const BOMBS = 3

/** In a thread the object of many keys aborts the whole gateway, which is why `worker` is no boundary; it is not measured there. */
const bombsOf: Readonly<Record<Tier, readonly (typeof bombs)[number][]>> = {
  worker: ['array', 'buffers'],
  process: ['array', 'buffers', 'keys'],
  isolate: ['array', 'buffers', 'keys'],
}
const loopNames: Readonly<Record<(typeof loops)[number], string>> = {
  loop: 'an endless',
  garbage: 'a garbage',
}
const bombNames = { array: 'heap array', buffers: 'Buffers', keys: 'many-key object' }

type Host = BenchChild<TierCommands>
type Hosts = Readonly<Record<Tier, Host>>

const median = (values: readonly number[]) => percentile(values, 0.5)

export const tierComparison: Bench = {
  name: 'tiers',
  about: 'worker, process and isolate: start, memory, round trip, loops and memory bombs',
  async run() {
    await using stack = new AsyncDisposableStack()
    const start = (tier: Tier): Host => stack.use(startChild<TierCommands>('tier-host.ts', { tier }))
    const hosts: Hosts = { worker: start('worker'), process: start('process'), isolate: start('isolate') }
    // Memory first, while the hosts are fresh.
    const figures = [...(await memory(hosts)), ...(await starts(hosts)), ...(await roundTrips(hosts))]
    return [...figures, ...(await loopEnds(hosts)), ...(await stalls(hosts))]
  },
}

/** The host with all below it, less what it was before the first plugin: in the tier worker all of it is the host itself. */
async function memory(hosts: Hosts): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const tier of tiers) {
    const empty = await hosts[tier].ask('memory', 0)
    for (const count of COUNTS) {
      const value = growth(empty, await hosts[tier].ask('memory', count)) / count
      const isBound = tier === 'isolate' && count === 50
      const goal: Goal | null = isBound ? { of: 'value', atMost: 4 } : null
      const name = `${tier}: an idle plugin, ${count} running (PSS)`
      figures.push({ name, value, unit: 'MB', baseline: null, goal })
    }
    await hosts[tier].ask('endIdle')
  }
  return figures
}

async function starts(hosts: Hosts): Promise<Figure[]> {
  const times: Record<Tier, number[]> = { worker: [], process: [], isolate: [] }
  for (let round = 0; round < STARTS; round += 1)
    for (const tier of tiers) times[tier].push(await hosts[tier].ask('coldStart'))
  return tiers.map(tier => ({
    name: `${tier}: cold start until enabled`,
    value: median(times[tier]),
    unit: 'ms',
    baseline: tier === 'worker' ? null : median(times.worker),
    goal: null,
  }))
}

async function roundTrips(hosts: Hosts): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const { name, bytes, samples } of sizes) {
    const times: Record<Tier | 'thread', number[][]> = { worker: [], process: [], isolate: [], thread: [] }
    for (let round = 0; round <= ROUNDS; round += 1) {
      const load = { bytes, samples }
      const taken = {
        thread: await hosts.worker.ask('ping', load),
        worker: await hosts.worker.ask('roundTrip', load),
        process: await hosts.process.ask('roundTrip', load),
        isolate: await hosts.isolate.ask('roundTrip', load),
      }
      // The first round warms up.
      if (round > 0) for (const side of [...tiers, 'thread'] as const) times[side].push(taken[side])
    }
    for (const tier of tiers)
      for (const [shareName, share] of [
        ['p50', 0.5],
        ['p99', 0.99],
      ] as const)
        figures.push({
          name: `${tier}: round trip, ${name}, ${shareName}, to ${tier === 'worker' ? 'a bare thread' : 'worker'}`,
          value: ofRounds(times[tier], share),
          unit: 'ms',
          baseline: ofRounds(times[tier === 'worker' ? 'thread' : 'worker'], share),
          goal: tier === 'process' && shareName === 'p50' ? { of: 'ratio', atMost: 1.5 } : null,
        })
  }
  return figures
}

async function loopEnds(hosts: Hosts): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const kind of ['loop', 'garbage'] as const) {
    const times: Record<Tier, number[]> = { worker: [], process: [], isolate: [] }
    for (let round = 0; round < LOOPS; round += 1)
      for (const tier of tiers) times[tier].push(await hosts[tier].ask('loop', kind))
    for (const tier of tiers)
      figures.push({
        name: `${tier}: ${loopNames[kind]} loop, from deadline to gone`,
        value: median(times[tier]),
        unit: 'ms',
        baseline: null,
        goal: { of: 'value', atMost: 100 },
      })
  }
  return figures
}

async function stalls(hosts: Hosts): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const tier of tiers)
    for (const kind of bombsOf[tier]) {
      const times = { bomb: [] as number[], bare: [] as number[] }
      for (let round = 0; round < BOMBS; round += 1) {
        times.bare.push(await hosts[tier].ask('bareBomb', kind))
        times.bomb.push(await hosts[tier].ask('bomb', kind))
      }
      figures.push({
        name: `${tier}: stall of the host, bomb of ${bombNames[kind]}, to a bare child`,
        value: median(times.bomb),
        unit: 'ms',
        baseline: median(times.bare),
        goal: { of: 'value', atMost: 20 },
      })
    }
  return figures
}
