// Two engines on one database want the same session: one has it, and the other only once the first has let go, died, or can
// not have it any more. Real processes, a real database server, the emulated WhatsApp.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it, vi } from 'vitest'
import { type Answer, collect, spawnGateway, startGateway, until } from '../support/gateway.ts'
import { createEnginePair, type Engine, type EnginePair, PATIENCE_MS } from './engine-pair.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000 })

/** On a busy machine an engine may be late by seconds, lapse, and claim again: fences are counted where leases are long. */
const LEASE_MS = 6_000

let pair: EnginePair | undefined
afterEach(async ({ task }) => {
  // What the processes said is all that is left of a failure.
  if (task.result?.state === 'fail' && pair)
    for (const { name, process } of [pair.a, pair.b])
      console.log(`${name}:\n${process.output().slice(-4_000)}`)
  await pair?.[Symbol.asyncDispose]()
  pair = undefined
})

/** Sends as a client does who needs it done: with the same key, by this engine, until it is accepted. */
async function insist({ send }: EnginePair, engine: Engine, text: string) {
  const answer = await until(
    () => send(engine, text),
    sent => sent?.status === 201,
    PATIENCE_MS,
  )
  return { text, id: String(answer?.body.messageId) }
}

/** Both sides know each other, so that what follows is encrypted in their session. */
async function greet(of: EnginePair, engine: Engine) {
  await of.contact.write('hello', { to: of.phone })
  return await insist(of, engine, 'welcome')
}

/** As clients do who know nothing of what became of their first try; a first answer must have been the truth. */
async function again(
  of: EnginePair,
  engine: Engine,
  texts: string[],
  answers: (Answer | null | undefined)[],
) {
  const accepted: { text: string; id: string }[] = []
  for (const [index, text] of texts.entries()) {
    const sent = await insist(of, engine, text)
    const first = answers[index]
    if (first?.status === 201) expect(first.body.messageId).toBe(sent.id)
    accepted.push(sent)
  }
  return accepted
}

/** So many renewals of whoever has the session: rounds in which the other could make a mistake. */
async function rounds({ lease }: EnginePair, count: number) {
  for (let left = count; left > 0; left -= 1) {
    const { fence, beat } = await lease()
    await until(lease, now => now.fence !== fence || now.beat !== beat, PATIENCE_MS)
  }
}

const settled = (of: EnginePair, accepted: { text: string; id: string }[], written: string[]) =>
  until(
    () => of.faults(accepted, written),
    faults => faults.length === 0,
    PATIENCE_MS,
  ).catch(async () => expect(await of.faults(accepted, written)).toEqual([]))

it('gives a session to one engine: the other opens no socket and says who has it', async () => {
  pair = await createEnginePair(LEASE_MS)
  const { a, b, sessionId, lease } = pair
  expect((await lease()).fence).toBe(1)
  await b.start()
  await rounds(pair, 4)
  for (const [method, path, body] of [
    ['POST', 'start'],
    ['POST', 'stop'],
    ['POST', 'messages/send-text', { chatId: '15551110001@c.us', text: 'by the other' }],
    ['DELETE', ''],
  ] as const) {
    const answer = await b.process.ask(method, `/sessions/${sessionId}/${path}`.replace(/\/$/, ''), body)
    expect(answer.status, path).toBe(503)
    expect(answer.body).toMatchObject({ code: 'SESSION_ELSEWHERE' })
    expect(answer.body.message).toContain('engine-a')
    expect(answer.headers.get('retry-after')).toBe('5')
  }
  expect((await b.process.ask('GET', `/sessions/${sessionId}`)).body.status).toBe('ready')
  expect(b.whatsapp.sent).toBe(0)
  expect(a.whatsapp.open).toBe(1)
  expect((await lease()).owner_name).toBe('engine-a')
})

it('hands a session over when its engine ends in order, without waiting for the lease to run out', async () => {
  pair = await createEnginePair(60_000)
  const { a, b, lease } = pair
  await b.start()
  await a.process.stop()
  expect(await lease()).toMatchObject({ fence: 1, owner: null })
  // B's next round is at 20 s; a start looks at once.
  await b.process.stop()
  await b.start()
  await pair.runsOn(b)
  expect((await lease()).fence).toBe(2)
})

it('gives an engine that was killed its sessions back at once', async () => {
  pair = await createEnginePair(600_000)
  await pair.a.process.kill()
  await pair.a.start()
  await until(pair.lease, ({ fence }) => fence === 2, PATIENCE_MS)
  await pair.runsOn(pair.a)
})

it('takes over from an engine that was killed in traffic: nothing is lost, stored twice or sent under two ids', async () => {
  pair = await createEnginePair(LEASE_MS)
  const { a, b, contact, phone } = pair
  const accepted = [await greet(pair, a)]
  const written = ['hello']
  await b.start()
  const out = Array.from({ length: 30 }, (_, index) => `out ${index}`)
  const sends = out.map(text => pair?.send(a, text))
  for (let index = 0; index < 30; index += 1) {
    written.push(`in ${index}`)
    await contact.write(`in ${index}`, { to: phone })
    if (index === 15) await a.process.kill()
  }
  const answers = await Promise.all(sends)
  await pair.runsOn(b)
  accepted.push(...(await again(pair, b, out, answers)))
  await settled(pair, accepted, written)
})

it('lets an engine that was paused send nothing any more, and take the session again when the other dies', async () => {
  pair = await createEnginePair(LEASE_MS)
  const { a, b, contact, phone, sessionId } = pair
  const accepted = [await greet(pair, a)]
  const written = ['hello']
  await b.start()
  const out = Array.from({ length: 30 }, (_, index) => `out ${index}`)
  const sends = out.map(text => pair?.send(a, text))
  await until(
    async () => contact.inbox.length,
    count => count >= 5,
    PATIENCE_MS,
  )
  a.signal('SIGSTOP')
  // Nor will it hear from WhatsApp that it was replaced: it must know by itself.
  a.whatsapp.deafen()
  await pair.runsOn(b)
  for (let index = 0; index < 10; index += 1) {
    written.push(`in ${index}`)
    await contact.write(`in ${index}`, { to: phone })
  }
  const before = a.whatsapp.sent
  expect(a.whatsapp.open).toBe(1)

  a.signal('SIGCONT')
  const answers = await Promise.all(sends)
  await until(
    async () => ({ open: a.whatsapp.open, sent: a.whatsapp.sent - before }),
    ({ open }) => open === 0,
  )
  const refused = await a.process.ask('POST', `/sessions/${sessionId}/start`)
  expect(refused.status).toBe(503)
  expect(refused.body).toMatchObject({ code: 'SESSION_ELSEWHERE' })
  expect(refused.body.message).toContain('engine-b')
  await rounds(pair, 3)
  expect(a.whatsapp.sent).toBe(before)
  expect((await pair.lease()).owner_name).toBe('engine-b')
  expect(a.process.output()).toContain('comes back')

  accepted.push(...(await again(pair, b, out, answers)))
  await settled(pair, accepted, written)

  const { fence } = await pair.lease()
  await b.process.kill()
  await pair.runsOn(a)
  expect((await pair.lease()).fence).toBeGreaterThan(fence)
  await contact.write('still there?', { to: phone })
  accepted.push(await insist(pair, a, 'here again'))
  await settled(pair, accepted, [...written, 'still there?'])
})

it('closes the socket of an engine that cannot reach the database, before the other opens one', async () => {
  pair = await createEnginePair(LEASE_MS)
  const { a, b } = pair
  await b.start()
  let overlap = 0
  const watch = setInterval(() => {
    overlap = Math.max(overlap, a.whatsapp.open + b.whatsapp.open)
  }, 5)
  a.database.cut(true)
  await pair.runsOn(b)
  clearInterval(watch)
  expect(overlap).toBe(1)
  expect(a.process.output()).toContain('Check the database server')
  a.database.cut(false)
  await rounds(pair, 3)
  expect(a.whatsapp.open).toBe(0)
  expect((await pair.lease()).owner_name).toBe('engine-b')
})

it('lets one process alone have a data folder', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'wharf-folder-'))
  const options = { dataDir: join(folder, 'data'), whatsappUrl: 'ws://127.0.0.1:9/ws/chat' }
  await using first = await startGateway(options)
  const second = spawnGateway(options)
  const output = collect(second)
  const code = await new Promise(resolve => second.once('exit', resolve))
  expect(code).toBe(1)
  expect(output()).toContain('is in use by another running Wharf')
  expect((await first.ask('GET', '/health')).body.status).toBe('ok')
  await first.kill()
  rmSync(folder, { recursive: true, force: true })
})
