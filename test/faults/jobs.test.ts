// The gateway is killed in the middle of a bulk send and of an automatic answer, and started again: each message goes out, none
// of them under a second id. The real process, on the real Baileys, against the emulated WhatsApp.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { until } from '../support/gateway.ts'
import { createFaultyGateway, type FaultyGateway, linkSession } from './faulty-gateway.ts'
import { lastingFaults, settledFaults } from './invariants.ts'

let faulty: FaultyGateway

beforeAll(async () => {
  faulty = await createFaultyGateway()
  await linkSession(faulty)
})
afterAll(() => faulty?.[Symbol.asyncDispose]())

const contact = () => {
  const [first] = faulty.contacts
  if (!first) throw new Error('nobody to write to')
  return first
}

/** What has arrived that begins like this: each text with its ids, in the order of their first arrival. */
function arrived(prefix: string): [string, number][] {
  const ids = new Map<string, Set<string>>()
  for (const { text, id } of contact().inbox)
    if (text?.startsWith(prefix)) ids.set(text, (ids.get(text) ?? new Set()).add(id))
  return [...ids].map(([text, { size }]) => [text, size])
}

const path = (rest: string) => `/sessions/${faulty.sessionId}${rest}`

describe('a bulk send', () => {
  it.each([
    ['jobs.after-claim', 1],
    ['jobs.after-claim', 2],
    ['jobs.after-send', 1],
    ['jobs.after-send', 3],
    ['outbound.after-commit', 2],
    ['outbound.after-write', 2],
  ] as const)('goes on where it was killed at %s, pass %i', async (point, pass) => {
    const prefix = `${point} ${pass}:`
    const texts = ['a', 'b', 'c'].map(name => `${prefix} ${name}`)
    const died = faulty.dieAt(point, pass)
    const taken = await faulty.ask('POST', path('/messages/send-bulk'), {
      messages: texts.map(text => ({ chatId: `${contact().pn}@c.us`, type: 'text', content: { text } })),
      options: { delayBetweenMessages: 1_000, randomizeDelay: false },
    })
    expect(taken.status).toBe(202)
    await died
    expect(lastingFaults(faulty)).toEqual([])
    await faulty.start()
    const { body } = await until(
      () => faulty.ask('GET', path(`/messages/batch/${taken.body.batchId}`)),
      answer => answer.body.completedAt !== null,
      20_000,
    )
    expect(body).toMatchObject({ status: 'completed', progress: { total: 3, sent: 3 } })
    await faulty.settled()
    expect(arrived(prefix)).toEqual(texts.map(text => [text, 1]))
    expect(settledFaults(faulty)).toEqual([])
  })
})

describe('an automatic answer', () => {
  it.each(['inbound.after-commit', 'inbound.after-hook', 'jobs.after-claim', 'jobs.after-send'] as const)(
    'is given once, though the gateway was killed at %s',
    async point => {
      const replyText = `answer at ${point}`
      const rule = await faulty.ask('POST', path('/automation-rules'), {
        name: point,
        replyText,
        conditions: { conditions: [{ field: 'body', operator: 'is', value: `ask at ${point}` }] },
      })
      expect(rule.status).toBe(201)
      const died = faulty.dieAt(point)
      await faulty.writes(contact(), `ask at ${point}`)
      await died
      await faulty.start()
      await until(
        async () => arrived(replyText).length,
        length => length > 0,
        20_000,
      )
      await faulty.settled()
      expect(arrived(replyText)).toEqual([[replyText, 1]])
      expect((await faulty.ask('DELETE', path(`/automation-rules/${rule.body.id}`))).status).toBe(204)
    },
  )
})
