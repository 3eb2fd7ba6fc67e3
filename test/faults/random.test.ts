// The gateway is killed at random moments under traffic both ways and started again each time: nothing may be lost, stored twice
// or sent under a second id. Two sessions, people, a group, files that come in, and a plugin that answers.
// `WHARF_FAULT_SEEDS=100` runs more seeds, `WHARF_FAULT_SEED=17` one of them again.
import JSZip from 'jszip'
import { afterAll, expect, it } from 'vitest'
import { until } from '../support/gateway.ts'
import type { Group } from '../whatsapp/group.ts'
import { createFaultyGateway, type FaultyGateway, linkSession } from './faulty-gateway.ts'
import { ANSWER, copies, lastingFaults, QUESTION, settledFaults, unanswered } from './invariants.ts'

const SENDS_PER_SECOND = 50
const INBOUND_PER_SECOND = 100
const KILLS = 2
/** The gateway lives at least this long between two kills, and up to so much longer, ms. */
const LIFE_MS = 300
const MORE_LIFE_MS = 900
const SEEDS_IN_CI = 20
/** A gateway is used for so many seeds: to link its sessions takes longer than to kill it. */
const SEEDS_PER_GATEWAY = 5

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

const oneOf = <T>(random: () => number, of: readonly T[]): T => of[Math.floor(random() * of.length)] as T

const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))
/** Those who are in the group. */
const members = ({ contacts }: FaultyGateway) => contacts.slice(0, 4)
const PICTURE = Buffer.alloc(20_000, 'picture')

interface World {
  faulty: FaultyGateway
  group: Group
  seeds: number
}

async function createWorld(): Promise<World> {
  const faulty = await createFaultyGateway({ contacts: 8, accounts: 2 })
  const { phone } = faulty
  await linkSession(faulty)
  const group = faulty.whatsapp.group('Everybody', { members: [phone, ...members(faulty)] })
  const zip = new JSZip()
  const manifest = {
    ...{ id: 'answers', name: 'Answers', version: '1.0.0', type: 'extension', main: 'index.js' },
    ...{ permissions: ['messages:send'], sessions: ['*'] },
  }
  const source = `module.exports = { onEnable(ctx) { ctx.registerHook('message:received', async ({ data, sessionId }) => {
    if (data.body.startsWith('${QUESTION}'))
      await ctx.messages.reply(sessionId, data.chatId, data.id, '${ANSWER}' + data.body)
    return { continue: true }
  }) } }`
  zip.file('manifest.json', JSON.stringify(manifest)).file('index.js', source)
  const form = new FormData()
  form.append('file', new Blob([await zip.generateAsync({ type: 'arraybuffer' })]), 'plugin.zip')
  expect((await faulty.ask('POST', '/plugins/install', form)).status).toBe(201)
  expect((await faulty.ask('POST', '/plugins/answers/enable')).body.success).toBe(true)
  return { faulty, group, seeds: 0 }
}

let world: World | null = null

async function leave() {
  const old = world
  world = null
  await old?.faulty[Symbol.asyncDispose]()
}
afterAll(leave)

/** Both ways at their rates until stopped. Stopping resolves when every client has its answer. */
function startTraffic({ faulty, group }: World, { seed, random }: { seed: number; random: () => number }) {
  const { contacts, accounts } = faulty
  const one = <T>(of: readonly T[]): T => oneOf(random, of)
  const answers: Promise<unknown>[] = []
  let isStopped = false

  async function flow(perSecond: number, act: (position: number) => Promise<unknown>) {
    const began = performance.now()
    for (let position = 0; !isStopped; position += 1) {
      const due = began + (position * 1000) / perSecond
      if (due > performance.now()) await pause(due - performance.now())
      answers.push(act(position))
    }
  }

  function goes(position: number) {
    const text = `out ${seed} ${position}`
    return position % 10 === 9
      ? faulty.insist(one(contacts), text, { group })
      : faulty.insist(one(contacts), text, { account: one(accounts) })
  }

  function comes(position: number) {
    const text = `in ${seed} ${position}`
    if ([5, 15, 25].includes(position % 40)) return faulty.writes(one(members(faulty)), text, { group })
    switch (position % 40) {
      case 10:
        return faulty.writes(one(contacts), text, { image: PICTURE })
      case 19:
      case 39:
        return faulty.writes(one(contacts), `${QUESTION}${seed} ${position}`, { account: one(accounts) })
      default:
        return faulty.writes(one(contacts), text, { account: one(accounts) })
    }
  }

  const flows = Promise.all([flow(SENDS_PER_SECOND, goes), flow(INBOUND_PER_SECOND, comes)])
  return {
    async stop() {
      isStopped = true
      await flows
      await Promise.all(answers)
    },
  }
}

const WAITING_FILES = `SELECT state, attempts, error, count(*) AS files FROM message_media WHERE state <> 'stored' GROUP BY 1, 2, 3`

async function live(seed: number, of: World) {
  const { faulty, group } = of
  const random = createRandom(seed)
  const traffic = startTraffic(of, { seed, random })
  for (let kill = 0; kill < KILLS; kill += 1) {
    await pause((LIFE_MS + random() * MORE_LIFE_MS) / 2)
    // What a member has lost is asked for again, under traffic and over the kill.
    oneOf(random, members(faulty)).forgets(faulty.phone, { group })
    await pause((LIFE_MS + random() * MORE_LIFE_MS) / 2)
    await faulty.kill()
    expect(lastingFaults(faulty)).toEqual([])
    await faulty.start({ ready: false })
  }
  await pause(LIFE_MS)
  await traffic.stop()
  await until(
    async () => unanswered(faulty),
    left => left.length === 0,
    60_000,
  )
  await until(
    async () => faulty.query(WAITING_FILES),
    waiting => waiting.length === 0,
    // A host that was not reached is tried again after half a minute, and then a whole one.
    150_000,
  )
  await faulty.settled()
  expect(settledFaults(faulty)).toEqual([])
  console.log(
    `seed ${seed}: ${faulty.accepted.length} sent and ${faulty.written.length} received so far, ${copies(faulty)} arrived twice under one id`,
  )
}

it.each(seeds)(
  'survives the kills of seed %d',
  async seed => {
    if (world && world.seeds >= SEEDS_PER_GATEWAY) await leave()
    world ??= await createWorld()
    world.seeds += 1
    try {
      await live(seed, world)
    } catch (error) {
      // What it has left is not what the next seed is about.
      await leave()
      throw error
    }
  },
  300_000,
)
