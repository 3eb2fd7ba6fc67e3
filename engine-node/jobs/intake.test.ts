import { afterEach, describe, expect, it } from 'vitest'
import type { Send } from '../../src/contract/job.ts'
import { MAX_KEPT_BASE64 } from '../../src/contract/job.ts'
import { CHAT, createWorld, OTHER, openJobs, SESSION } from './jobs.fixtures.ts'

const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const rig of open.splice(0).reverse()) await rig[Symbol.asyncDispose]()
})

async function start() {
  const world = createWorld()
  const rig = await openJobs(world)
  open.push(rig)
  return { world, rig }
}

const NOWHERE = '99999999-9999-4999-8999-999999999999'
const refused = (messages: string) => ({
  code: 'invalid_input',
  details: { messages: [expect.stringContaining(messages)] },
})
const picture = { url: 'https://files.test/a.png' }

describe('bulk sends', () => {
  it('answer with where to look, and collapse what is identical', async () => {
    const { world, rig } = await start()
    const answer = await rig.bulk(['a', 'b', 'a'], { options: { randomizeDelay: false } })
    expect(answer).toMatchObject({ status: 'pending', totalMessages: 2 })
    expect(answer.batchId).toMatch(/^batch_[0-9a-f]{16}$/)
    expect(answer.statusUrl).toBe(`/api/sessions/${SESSION}/messages/batch/${answer.batchId}`)
    expect(Date.parse(answer.estimatedCompletionTime)).toBeGreaterThan(world.clock.now() + 3_000)
  })

  it('fill in what each message brings, and leave what it does not', async () => {
    const { world, rig } = await start()
    const item = (variables: object | undefined, text = 'Hi {{ name }}, {{more}}') => ({
      chatId: CHAT,
      type: 'text',
      content: { text },
      ...(variables && { variables }),
    })
    await rig.bulk([], {
      messages: [item({ name: 'Ada' }), item({ name: 'Bo', more: '{{name}}' }), item(undefined)],
    })
    await rig.pass(10_000)
    expect(world.wire.map(({ text }) => text)).toEqual([
      'Hi Ada, {{more}}',
      'Hi Bo, {{name}}',
      'Hi {{ name }}, {{more}}',
    ])
  })

  it('take files by URL or base64, and say which message is wrong', async () => {
    const { world, rig } = await start()
    const item = (type: string, file: object, more: object = {}) => ({
      chatId: CHAT,
      type,
      content: { [type]: file, ...more },
    })
    await rig.bulk([], {
      messages: [
        item('image', picture, { caption: 'see' }),
        item('audio', { base64: 'AAAA', ptt: true }),
        item('document', { base64: 'AAAA', mimetype: 'text/plain', filename: 'a.txt' }),
      ],
    })
    await rig.pass(10_000)
    expect(world.wire.map(({ type }) => type)).toEqual(['image', 'audio', 'document'])
    const bad = (...messages: object[]) => rig.bulk([], { messages })
    await expect(bad(item('image', picture), item('video', {}))).rejects.toMatchObject(
      refused('messages.1.content: url, base64'),
    )
    await expect(bad(item('image', { url: 'file:///etc/passwd' }))).rejects.toMatchObject(
      refused('messages.0.content'),
    )
  })

  it('are refused where the session is not running, twice under one name, and beyond their number', async () => {
    const { rig } = await start()
    await rig.bulk(['a'], { batchId: 'mine' })
    await expect(rig.bulk(['b'], { batchId: 'mine' })).rejects.toMatchObject({
      code: 'batch_exists',
      message: "Batch ID 'mine' already exists",
    })
    rig.ready.clear()
    await rig.quiet()
    await rig.bulk(['c'])
    await rig.bulk(['d'])
    await rig.bulk(['e'])
    await expect(rig.bulk(['f'])).rejects.toMatchObject({ code: 'bulk_limit' })
    // Another session has a number of its own.
    await expect(rig.bulk(['f'], {}, OTHER)).resolves.toMatchObject({ status: 'pending' })
    await rig.queue.commit([{ sql: 'UPDATE sessions SET engine_loaded = 0', args: [] }])
    await expect(rig.bulk(['g'])).rejects.toMatchObject({ code: 'session_not_started' })
    const elsewhere = { sessionId: NOWHERE as never, batchId: 'mine' }
    await expect(rig.jobs.handlers['bulk.cancel'](elsewhere)).rejects.toMatchObject({ code: 'not_found' })
  })
})

describe('scheduled sends', () => {
  it('are bounded in time', async () => {
    const { rig } = await start()
    const year = 365 * 24 * 60 * 60_000
    await rig.schedule('just passed', -60_000)
    await rig.schedule('in a year', year)
    await expect(rig.schedule('past', -60_001)).rejects.toMatchObject(refused('must not lie in the past'))
    await expect(rig.schedule('too far', year + 1)).rejects.toMatchObject(refused('within a year'))
    await expect(rig.schedule('x', 0, { sessionId: NOWHERE })).rejects.toMatchObject({ code: 'not_found' })
  })

  it('are asked for once under one key', async () => {
    const { world, rig } = await start()
    const idempotency = { key: 'k', hash: 'h' }
    const [first, twin] = await Promise.all([
      rig.schedule('once', 1_000, { idempotency }),
      rig.schedule('once', 1_000, { idempotency }),
    ])
    expect(twin.jobId).toBe(first.jobId)
    const again = await rig.schedule('once', 1_000, { idempotency })
    expect(again).toMatchObject({ jobId: first.jobId, replayed: true })
    await expect(
      rig.schedule('other', 1_000, { idempotency: { key: 'k', hash: 'x' } }),
    ).rejects.toMatchObject({
      code: 'idempotency_key_reused',
    })
    await rig.pass(2_000)
    expect(world.wire).toHaveLength(1)
    world.clock.advance(24 * 60 * 60_000)
    expect((await rig.schedule('new day', 1_000, { idempotency })).jobId).not.toBe(first.jobId)
  })

  it('take every kind of message, but no file that would not be there any more', async () => {
    const { world, rig } = await start()
    const sends: Send[] = [
      { type: 'location', input: { chatId: CHAT as never, latitude: 1, longitude: 2 } },
      { type: 'poll', input: { chatId: CHAT as never, name: 'q', options: ['a', 'b'] } },
      {
        type: 'forward',
        input: { fromChatId: CHAT as never, toChatId: '1@g.us' as never, messageId: 'M' as never },
      },
      { type: 'image', input: { chatId: CHAT as never, ...picture } },
    ]
    for (const send of sends) await rig.schedule('', 0, { send })
    await rig.pass(5_000)
    expect(world.wire.map(({ type, chatId }) => [type, chatId])).toEqual([
      ['location', CHAT],
      ['poll', CHAT],
      ['forward', '1@g.us'],
      ['image', CHAT],
    ])
    const file = (more: object) =>
      rig.schedule('', 0, { send: { type: 'image', input: { chatId: CHAT, ...more } } })
    await expect(file({ uploadId: 'a'.repeat(64) })).rejects.toMatchObject(
      refused('uploadId cannot be sent later'),
    )
    await expect(
      file({ base64: 'A'.repeat(MAX_KEPT_BASE64 + 4), mimetype: 'image/png' }),
    ).rejects.toMatchObject(refused('base64 of a message for later'))
  })

  it('are forgotten a month after they are over', async () => {
    const { world, rig } = await start()
    const { jobId } = await rig.schedule('old', 0)
    const { batchId } = await rig.bulk(['old'])
    await rig.pass(10_000)
    world.clock.advance(30 * 24 * 60 * 60_000)
    await rig.pass(2 * 60 * 60_000, 60 * 60_000)
    expect(await rig.scheduled(jobId)).toBeNull()
    await expect(rig.batch(batchId)).rejects.toThrow('no batch')
  })
})
