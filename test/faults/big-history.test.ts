// A phone is linked that tells of all that it remembers, while people write and clients send: the loop of the engine and its
// database are others' too, so all of that goes on between one piece of history and the next. The real process.
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { until } from '../support/gateway.ts'
import { createFaultyGateway, type FaultyGateway, linkSession } from './faulty-gateway.ts'
import { lastingFaults, settledFaults } from './invariants.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 })

/** Nearly as many as a session stores unless told otherwise; each piece comes as one message. */
const MESSAGES = 18_000
const CHUNK = 6_000
const PAST = 1_600_000_000
/** Of history that is stored without anything live between: some steps, where the whole is nearly two hundred. */
const LONGEST_RUN = MESSAGES / 4

let faulty: FaultyGateway

beforeAll(async () => {
  faulty = await createFaultyGateway()
  const { phone, contacts } = faulty
  phone.historySync.chunk = CHUNK
  phone.history = contacts.map(contact => ({
    with: contact,
    messages: Array.from({ length: MESSAGES / contacts.length }, (_, n) => ({
      id: `OLD-${contact.pn}-${n}`,
      content: `old ${n} of ${contact.name}, which was somewhat longer than a word`,
      from: n % 2 === 0 ? contact : phone,
      at: PAST + n,
    })),
  }))
  await linkSession(faulty)
})
afterAll(() => faulty?.[Symbol.asyncDispose]())

const ROWS = `SELECT wa_message_id LIKE 'OLD-%' AS is_old FROM messages ORDER BY rowid`
/** Whether each row is of the history, in the order in which they were stored. */
const stored = () => faulty.query(ROWS).map(row => row.is_old === 1)
const remembered = () => stored().filter(isOld => isOld).length

/** Both ways, one after the other, until stopped. */
function startTraffic(name: string) {
  let isStopped = false
  const talks = faulty.contacts.map(async contact => {
    for (let position = 0; !isStopped; position += 1) {
      await faulty.writes(contact, `${name} in ${position} of ${contact.name}`)
      await faulty.insist(contact, `${name} out ${position} to ${contact.name}`)
    }
  })
  return async () => {
    isStopped = true
    await Promise.all(talks)
  }
}

const rememberedAre = (wanted: (count: number) => boolean) => until(async () => remembered(), wanted, 100_000)

it('lets live messages pass all along, also over a kill, and loses none of either', async () => {
  const stopFirst = startTraffic('first')
  await rememberedAre(count => count > MESSAGES / 10)
  const killedAt = remembered()
  await faulty.kill()
  expect(lastingFaults(faulty)).toEqual([])
  expect(killedAt).toBeLessThan(MESSAGES)
  await faulty.start()
  await rememberedAre(count => count >= MESSAGES)
  await stopFirst()
  await faulty.settled()
  expect(settledFaults(faulty)).toEqual([])
  // Each once: a piece that was cut off is fetched again.
  expect(remembered()).toBe(MESSAGES)
  const rows = stored()
  const first = rows.indexOf(true)
  const during = rows.slice(first, rows.lastIndexOf(true))
  expect(during.filter(isOld => !isOld).length).toBeGreaterThan(20)
  let [run, longest] = [0, 0]
  for (const isOld of during) {
    run = isOld ? run + 1 : 0
    longest = Math.max(longest, run)
  }
  expect(longest).toBeLessThan(LONGEST_RUN)
})
