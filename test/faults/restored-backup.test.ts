// A copy of the data folder from before is put back, as after a disk has died: the keys in it are older than what WhatsApp and
// the people in it have seen since. The session comes back without a person, says nothing that it has said before, and both
// sides understand each other again.
import { cpSync, rmSync } from 'node:fs'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { until } from '../support/gateway.ts'
import { createFaultyGateway, type FaultyGateway, linkSession } from './faulty-gateway.ts'
import { settledFaults } from './invariants.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 })

const MESSAGES = 15

let faulty: FaultyGateway

beforeAll(async () => {
  faulty = await createFaultyGateway()
  await linkSession(faulty)
})
afterAll(() => faulty?.[Symbol.asyncDispose]())

async function stop() {
  process.kill(faulty.pid, 'SIGTERM')
  expect(await faulty.ended).toBe(0)
}

async function talk(what: string) {
  for (const contact of faulty.contacts)
    for (let n = 0; n < MESSAGES; n += 1) {
      await faulty.writes(contact, `${what} ${n} from ${contact.name}`)
      await faulty.insist(contact, `${what} ${n} to ${contact.name}`)
    }
}

it('goes on from a backup that is older than what the others know', async () => {
  await talk('before')
  await faulty.settled()
  await stop()
  const backup = `${faulty.dataDir}.backup`
  cpSync(faulty.dataDir, backup, { recursive: true })
  await faulty.start()
  await talk('forgotten')
  await faulty.settled()
  expect(settledFaults(faulty)).toEqual([])
  await stop()
  rmSync(faulty.dataDir, { recursive: true })
  cpSync(backup, faulty.dataDir, { recursive: true })
  const seen = new Set(faulty.contacts.flatMap(({ inbox }) => inbox.map(({ id }) => id)))
  const [sentBefore, writtenBefore] = [faulty.accepted.length, faulty.written.length]

  await faulty.start()
  await talk('after')
  await faulty.settled()
  const { body } = await faulty.ask('GET', `/sessions/${faulty.sessionId}`)
  expect(body).toMatchObject({ status: 'ready', phone: faulty.phone.pn })

  // Each is read in the end, under an id that nothing had before.
  const bodies = () =>
    new Set(faulty.query(`SELECT body FROM messages WHERE direction = 'incoming'`).map(row => row.body))
  const missing = () => {
    const stored = bodies()
    return faulty.written.slice(writtenBefore).filter(({ text }) => !stored.has(text))
  }
  await until(
    async () => missing().map(({ text }) => text),
    left => left.length === 0,
    60_000,
  )
  const inboxes = faulty.contacts.flatMap(({ inbox }) => [...inbox])
  for (const { text, messageId } of faulty.accepted.slice(sentBefore)) {
    expect(seen.has(messageId), messageId).toBe(false)
    expect(inboxes.find(({ id }) => id === messageId)?.text).toBe(text)
  }
  expect(faulty.whatsapp.surprises).toEqual([])
})
