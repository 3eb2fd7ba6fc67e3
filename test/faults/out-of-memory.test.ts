// The gateway runs out of memory in the middle of traffic, which no code of it hears of: V8 ends the process wherever it is. The
// service manager starts it again, and what it has left must be what any other kill leaves.
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { createFaultyGateway, type FaultyGateway, linkSession } from './faulty-gateway.ts'
import { lastingFaults, settledFaults } from './invariants.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 })

const HEAP_MB = 128
/** Between two messages of one contact, and of one client, ms. */
const EVERY_MS = 5
const AT_LEAST = 40

/**
 * On a signal it takes a megabyte of the heap each few milliseconds, and gives none of it back: traffic goes on meanwhile. Numbers,
 * which cost the collector of garbage next to nothing: small objects would keep it busy for half a minute before the end.
 */
const LEAK = `process.once('SIGUSR2', () => {
  const kept = []
  setInterval(() => kept.push(Array.from({ length: 130_000 }, Math.random)), 10)
})`

let faulty: FaultyGateway

beforeAll(async () => {
  faulty = await createFaultyGateway({
    env: {
      NODE_OPTIONS: `--max-old-space-size=${HEAP_MB} --import=data:text/javascript,${encodeURIComponent(LEAK)}`,
    },
  })
  await linkSession(faulty)
})
afterAll(() => faulty?.[Symbol.asyncDispose]())

const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

/** Both ways with every contact, until the process is gone. Gives what was asked to be sent, and is left to be insisted on. */
async function talkUntilItIsGone(round: number) {
  let isGone = false
  void faulty.ended.then(() => {
    isGone = true
  })
  const sends: (() => Promise<unknown>)[] = []
  const firstAnswers: Promise<void>[] = []
  for (let position = 0; !isGone; position += 1) {
    const contact = faulty.contacts[position % faulty.contacts.length]
    if (!contact) throw new Error('nobody to talk to')
    await faulty.writes(contact, `in ${round} ${position}`)
    const text = `out ${round} ${position}`
    const first = faulty.send(contact, text)
    firstAnswers.push(
      first.then(answer => {
        if (answer?.status !== 201) sends.push(() => faulty.insist(contact, text))
        else faulty.accepted.push({ text, messageId: answer.body.messageId, readers: [contact] })
      }),
    )
    await pause(EVERY_MS)
  }
  await Promise.all(firstAnswers)
  return sends
}

it.each([1, 2, 3])('comes back from it whole, time %d', async round => {
  const [sentBefore, writtenBefore] = [faulty.accepted.length, faulty.written.length]
  const { ended } = faulty
  const talk = talkUntilItIsGone(round)
  await vi.waitUntil(() => faulty.accepted.length - sentBefore > AT_LEAST, 60_000)
  process.kill(faulty.pid, 'SIGUSR2')
  // By a signal, as V8 aborts.
  expect(await ended).toBe(null)
  expect(faulty.output()).toMatch(/heap out of memory/)
  const left = await talk
  expect(faulty.written.length - writtenBefore).toBeGreaterThan(AT_LEAST)
  expect(lastingFaults(faulty)).toEqual([])
  await faulty.start()
  await Promise.all(left.map(send => send()))
  await faulty.settled()
  expect(settledFaults(faulty)).toEqual([])
  expect((await faulty.ask('GET', '/health')).body.status).toBe('ok')
})
