// The gateway is killed at random moments under traffic both ways and started again each time: nothing may be lost, stored twice
// or sent under a second id. `WHARF_FAULT_SEEDS=100` runs more seeds, `WHARF_FAULT_SEED=17` one of them again.
import { expect, it } from 'vitest'
import { createFaultyGateway, type FaultyGateway, linkSession } from './faulty-gateway.ts'
import { copies, lastingFaults, settledFaults } from './invariants.ts'

const SENDS_PER_SECOND = 50
const INBOUND_PER_SECOND = 100
const KILLS = 3
/** The gateway lives at least this long between two kills, and up to as long again, ms. */
const LIFE_MS = 500
const SEEDS_IN_CI = 5

const { WHARF_FAULT_SEED, WHARF_FAULT_SEEDS } = process.env
const seeds = WHARF_FAULT_SEED
  ? [Number(WHARF_FAULT_SEED)]
  : Array.from({ length: Number(WHARF_FAULT_SEEDS ?? SEEDS_IN_CI) }, (_, index) => index + 1)

/** Mulberry32: the same numbers in [0, 1) for the same seed. */
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

/** Both ways at their rates until stopped. Stopping resolves when every client has its answer. */
function startTraffic(faulty: FaultyGateway, random: () => number) {
  const { contacts } = faulty
  const anybody = () => contacts[Math.floor(random() * contacts.length)]
  const answers: Promise<unknown>[] = []
  let isStopped = false

  async function flow(perSecond: number, act: (position: number) => Promise<unknown> | undefined) {
    const began = Date.now()
    for (let position = 0; !isStopped; position += 1) {
      const due = began + (position * 1000) / perSecond
      if (due > Date.now()) await pause(due - Date.now())
      const acted = act(position)
      if (acted) answers.push(acted)
    }
  }
  const flows = Promise.all([
    flow(SENDS_PER_SECOND, position => {
      const contact = anybody()
      return contact && faulty.insist(contact, `out ${position}`)
    }),
    flow(INBOUND_PER_SECOND, position => {
      const contact = anybody()
      return contact && faulty.writes(contact, `in ${position}`)
    }),
  ])
  return {
    async stop() {
      isStopped = true
      await flows
      await Promise.all(answers)
    },
  }
}

it.each(seeds)(
  'survives the kills of seed %d',
  async seed => {
    const random = createRandom(seed)
    await using faulty = await createFaultyGateway({ contacts: 8 })
    await linkSession(faulty)
    const traffic = startTraffic(faulty, random)
    for (let kill = 0; kill < KILLS; kill += 1) {
      await pause(LIFE_MS * (1 + random()))
      await faulty.kill()
      expect(lastingFaults(faulty)).toEqual([])
      await faulty.start({ ready: false })
    }
    await pause(LIFE_MS)
    await traffic.stop()
    await faulty.settled()
    expect(settledFaults(faulty)).toEqual([])
    console.log(
      `seed ${seed}: ${faulty.accepted.length} sent, ${faulty.written.length} received, ${copies(faulty)} arrived twice under one id`,
    )
  },
  180_000,
)
