import { afterEach, describe, expect, it } from 'vitest'
import { hashKey, openApp, type TestApp } from '../../test/support/api-app.ts'
import { createFakeClock } from '../../test/support/fake-clock.ts'
import { findApiKeyByHash, insertApiKey, updateApiKey } from '../db/api-keys.ts'
import { insertEvent, pruneEvents } from '../db/events.ts'
import { insertSession } from '../db/sessions.ts'

const A = '11111111-1111-4111-8111-111111111111'
const B = '22222222-2222-4222-8222-222222222222'
const opened: TestApp[] = []

/** With a clock that stands: `live` says whether the process that answers is the one that records. */
async function open({ live = true } = {}) {
  const clock = createFakeClock(Date.parse('2026-01-01T00:00:00Z'))
  const listeners = new Set<() => void>()
  const app = await openApp({
    deps: {
      now: clock.now,
      after: clock.after,
      ...(live && {
        onEvents: (listener: () => void) => {
          listeners.add(listener)
          return () => listeners.delete(listener)
        },
      }),
    },
  })
  opened.push(app)
  const { db, writer } = app.database
  await writer.commit(
    [A, B].map((id, index) =>
      insertSession(db, { id, name: `session-${index}`, status: 'ready', createdAt: 0, updatedAt: 0 }),
    ),
  )
  let recorded = 0
  return {
    app,
    clock,
    db,
    writer,
    listeners,
    async record(count: number, { event = 'message.received', sessionId = A, body = '' } = {}) {
      const rows = Array.from({ length: count }, () => {
        recorded += 1
        const data = JSON.stringify({ n: recorded, body })
        const id = `evt_${recorded}`
        return insertEvent({ id, event, sessionId, chatId: '1@c.us', data, occurredAt: 0, createdAt: 0 })
      })
      await writer.commit(rows)
      for (const listener of [...listeners]) listener()
    },
    async addKey(key: string, rights: { role?: 'viewer' | 'operator'; allowedSessions?: string[] } = {}) {
      const row = { role: 'viewer' as const, ...rights, name: key, keyPrefix: key, createdAt: 0 }
      await writer.commit([insertApiKey(db, { ...row, id: crypto.randomUUID(), keyHash: hashKey(key) })])
    },
  }
}

afterEach(async () => {
  for (const app of opened.splice(0)) await app[Symbol.asyncDispose]()
})

/** A client that reads frames; `take` resolves with so many events, `rest` with all that came until the end. */
function createClient(response: Response) {
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  let buffer = ''
  const client = {
    lastEventId: '',
    seqs: [] as number[],
    events: [] as { seq: number; event: string; sessionId: string; data: { n: number } }[],
    end: null as { reason: string; cursor: number } | null,
    /** False when the stream is over. */
    async read(): Promise<boolean> {
      const { value, done } = await reader.read()
      if (done) return false
      buffer += value
      const frames = buffer.split('\n\n')
      buffer = frames.pop() ?? ''
      for (const frame of frames) {
        const fields = new Map(frame.split('\n').map(line => line.split(/: (.*)/s, 2) as [string, string]))
        if (fields.has('id')) client.lastEventId = fields.get('id')!
        const data = fields.get('data')
        if (data === undefined) continue
        if (fields.get('event') === 'end') client.end = JSON.parse(data)
        else {
          client.events.push(JSON.parse(data))
          client.seqs.push(Number(fields.get('id')))
        }
      }
      return true
    },
    async take(count: number) {
      while (client.events.length < count && (await client.read()));
      return client.events
    },
    async rest() {
      while (await client.read());
    },
    cancel: () => reader.cancel(),
  }
  return client
}

// biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects, and fails where it is not there.
const jsonOf = async (response: Promise<Response>): Promise<any> => (await response).json()

const turns = async (count = 20) => {
  for (let turn = 0; turn < count; turn += 1) await new Promise(setImmediate)
}

describe('a stream', () => {
  it('gives what comes from now on, and resumes from a cursor', async () => {
    const { app, record } = await open()
    await record(3)
    const client = createClient(await app.ask('GET', '/events/stream'))
    await client.read()
    await record(2)
    expect((await client.take(2)).map(({ data }) => data.n)).toEqual([4, 5])
    await client.cancel()
    const again = createClient(await app.ask('GET', '/events/stream?after=2'))
    expect((await again.take(3)).map(({ data }) => data.n)).toEqual([3, 4, 5])
    await again.cancel()
  })

  it.each([true, false])(
    'shows every event once and in order to a client that is killed 50 times (told: %s)',
    async live => {
      const { app, clock, record } = await open({ live })
      const total = 1_500
      const seen: number[] = []
      let lastEventId = '0'
      let [kills, written, random] = [0, 0, 42]
      const chance = (limit: number) => {
        random = (random * 1_103_515_245 + 12_345) % 2 ** 31
        return random % limit
      }
      while (seen.length < total) {
        const headers = { 'last-event-id': lastEventId }
        const client = createClient(await app.ask('GET', '/events/stream', { headers }))
        for (let reads = chance(4) + 1; reads > 0 && seen.length + client.seqs.length < total; reads -= 1) {
          const write = Math.min(chance(25), total - written)
          written += write
          const reading = client.read()
          await record(write)
          if (written >= total || write === 0) break
          await turns(3)
          if (!live) clock.advance(1_000)
          await reading
        }
        while (kills >= 50 && seen.length + client.seqs.length < total) {
          const left = total - written
          written += left
          await record(left)
          await client.read()
        }
        await client.cancel()
        kills += 1
        seen.push(...client.seqs)
        if (client.lastEventId !== '') lastEventId = client.lastEventId
      }
      expect(kills).toBeGreaterThanOrEqual(50)
      expect(seen).toEqual(Array.from({ length: total }, (_, index) => index + 1))
    },
  )

  it('shows a key its sessions and its role’s events alone', async () => {
    const { app, record, addKey } = await open()
    await addKey('key-of-a', { allowedSessions: [A] })
    await addKey('key-operator', { role: 'operator' })
    const ask = (key: string, query = '') =>
      app.ask('GET', `/events/stream?after=0${query}`, { key }).then(createClient)
    await record(1)
    await record(1, { sessionId: B })
    await record(1, { event: 'session.qr' })
    await record(1, { event: 'message.ack' })
    const mine = await ask('key-of-a')
    expect((await mine.take(2)).map(({ data }) => data.n)).toEqual([1, 4])
    const all = await ask('key-operator')
    expect((await all.take(4)).map(({ data }) => data.n)).toEqual([1, 2, 3, 4])
    const named = await ask('key-operator', '&events=session.qr,message.ack')
    expect((await named.take(2)).map(({ data }) => data.n)).toEqual([3, 4])
    const one = await ask('key-operator', `&sessionId=${B}`)
    expect((await one.take(1)).map(({ data }) => data.n)).toEqual([2])
    const foreign = await app.ask('GET', `/events/stream?sessionId=${B}`, { key: 'key-of-a' })
    expect(foreign.status).toBe(403)
    for (const client of [mine, all, named, one]) await client.cancel()
  })

  it('moves the cursor over events that are not shown', async () => {
    const { app, record, addKey } = await open()
    await addKey('key-of-a', { allowedSessions: [A] })
    await record(10, { sessionId: B })
    const client = createClient(await app.ask('GET', '/events/stream?after=0', { key: 'key-of-a' }))
    await client.read()
    await client.read()
    expect([client.lastEventId, client.events]).toEqual(['10', []])
    await client.cancel()
  })

  it.each<[string, string, (row: string) => Parameters<typeof updateApiKey>[2]]>([
    ['is revoked', 'API key is revoked', () => ({ isActive: false })],
    ['has expired', 'API key has expired', () => ({ expiresAt: 1 })],
  ])('ends within five seconds when its key %s', async (_name, reason, patch) => {
    const { app, clock, db, writer, addKey } = await open()
    await addKey('key-of-a')
    const client = createClient(await app.ask('GET', '/events/stream', { key: 'key-of-a' }))
    const over = client.rest()
    await turns()
    const row = await findApiKeyByHash(db, hashKey('key-of-a'))
    await writer.commit([updateApiKey(db, row!.id, patch(''), { lowers: false, now: 0 })])
    clock.advance(2_500)
    await turns()
    await over
    expect(client.end).toMatchObject({ reason })
  })

  it('cuts off a client that takes nothing, with a reason and a cursor, and buffers no more than a page', async () => {
    const { app, clock, record } = await open()
    const client = createClient(await app.ask('GET', '/events/stream?after=0'))
    await client.read()
    await record(1_000, { body: 'x'.repeat(1_000) })
    await client.read()
    const had = client.events.length
    expect(had).toBeLessThanOrEqual(16)
    for (let second = 0; second < 40; second += 1) {
      clock.advance(1_000)
      await turns(2)
    }
    await client.rest()
    expect(client.end?.reason).toContain('too slowly')
    expect(client.events.length).toBeLessThanOrEqual(64)
    const resumed = createClient(await app.ask('GET', `/events/stream?after=${client.end?.cursor}`))
    expect((await resumed.take(1))[0]?.seq).toBe((client.seqs.at(-1) ?? 0) + 1)
    await resumed.cancel()
  })

  it('keeps an idle connection alive', async () => {
    const { app, clock } = await open()
    const client = createClient(await app.ask('GET', '/events/stream'))
    await client.read()
    let beats = 0
    const beat = client.read().then(() => {
      beats += 1
    })
    await turns()
    for (let at = 0; at < 15; at += 1) clock.advance(1_000)
    await turns()
    await beat
    expect([beats, client.end]).toEqual([1, null])
    await client.cancel()
  })

  it('leaves nothing behind when its client has gone', async () => {
    const { app, clock, listeners } = await open()
    const before = clock.pending
    for (let index = 0; index < 40; index += 1) {
      const client = createClient(await app.ask('GET', '/events/stream'))
      await client.read()
      await client.cancel()
    }
    expect([clock.pending - before, listeners.size]).toEqual([0, 0])
  })

  it('goes on over a time that no date fits', async () => {
    const { app, writer } = await open()
    const row = { event: 'message.received', sessionId: A, chatId: null, data: '{}', createdAt: 0 }
    for (const [index, occurredAt] of [9_000_000_000_000_000, 2 ** 60, -(2 ** 60), 5].entries())
      await writer.commit([insertEvent({ ...row, id: `evt_${index}`, occurredAt })])
    const client = createClient(await app.ask('GET', '/events/stream?after=0'))
    const told = (await client.take(4)).map(event => (event as unknown as { occurredAt: string }).occurredAt)
    await client.cancel()
    const [epoch, end] = [0, 8.64e15].map(ms => new Date(ms).toISOString())
    expect(told).toEqual([end, end, epoch, '1970-01-01T00:00:00.005Z'])
    expect((await jsonOf(app.ask('GET', '/events'))).events).toHaveLength(4)
  })

  it('never passes over in silence what is cut off while it reads', async () => {
    const { app, db, writer, record } = await open()
    await record(10)
    const client = createClient(await app.ask('GET', '/events/stream?after=3'))
    /** The next look at the bounds of the log is followed by a cut. */
    const cutAfterLook = (through: number) => {
      const all = db.all.bind(db)
      db.all = (async (query: Parameters<typeof all>[0]) => {
        db.all = all
        const found = await all(query)
        await writer.commit(pruneEvents(db, through))
        return found
      }) as typeof db.all
    }
    await client.read()
    cutAfterLook(6)
    await client.rest()
    expect([client.seqs, client.end?.cursor]).toEqual([[], 3])
    cutAfterLook(8)
    const page = await app.ask('GET', '/events?after=7')
    expect([page.status, await page.json()]).toEqual([410, expect.objectContaining({ oldest: 9 })])
  })

  it('is refused beyond sixteen of one key', async () => {
    const { app } = await open()
    const clients = []
    for (let index = 0; index < 16; index += 1)
      clients.push(createClient(await app.ask('GET', '/events/stream')))
    expect((await app.ask('GET', '/events/stream')).status).toBe(429)
    await clients[0]!.cancel()
    const next = await app.ask('GET', '/events/stream')
    expect(next.status).toBe(200)
    for (const client of [...clients.slice(1), createClient(next)]) await client.cancel()
  })
})

describe('the log', () => {
  it('is paged through by cursor, filtered, and says what is next', async () => {
    const { app, record } = await open()
    await record(5)
    await record(3, { event: 'message.ack', sessionId: B })
    const page = (query: string) => jsonOf(app.ask('GET', `/events${query}`))
    const first = await page('?limit=4')
    expect(first.events.map(({ data }: { data: { n: number } }) => data.n)).toEqual([1, 2, 3, 4])
    expect(first.events[0]).toMatchObject({ seq: 1, id: 'evt_1', sessionId: A, chatId: '1@c.us' })
    const second = await page(`?limit=4&after=${first.next}&events=message.ack,session.qr`)
    expect(second).toMatchObject({ next: 8, newest: 8, events: [{ seq: 6 }, { seq: 7 }, { seq: 8 }] })
    expect((await page(`?sessionId=${B}&limit=1`)).events.length).toBe(1)
    expect(await page('?after=8')).toEqual({ events: [], next: 8, newest: 8 })
  })

  it('says so when it has forgotten what comes after a cursor, or never came so far', async () => {
    const { app, db, writer, record } = await open()
    await record(10)
    await writer.commit(pruneEvents(db, 6))
    for (const path of ['/events?after=5', '/events/stream?after=5', '/events?after=99']) {
      const response = await app.ask('GET', path)
      expect([response.status, await response.json()]).toEqual([
        410,
        expect.objectContaining({ code: 'CURSOR_GONE', oldest: 7, newest: 10 }),
      ])
    }
    expect((await jsonOf(app.ask('GET', '/events?after=6'))).events.length).toBe(4)
    expect((await jsonOf(app.ask('GET', '/events'))).events[0].seq).toBe(7)
    const headers = { 'last-event-id': '5' }
    expect((await app.ask('GET', '/events/stream', { headers })).status).toBe(410)
  })

  it.each(['?after=x', '?after=-1', '?after=1&after=2', '?events=nothing.known', '?events=', '?sessionId=x'])(
    'refuses %s',
    async query => {
      const { app } = await open()
      expect((await app.ask('GET', `/events${query}`)).status).toBe(400)
      expect((await app.ask('GET', `/events/stream${query}`)).status).toBe(400)
      expect((await app.ask('GET', '/events', { key: null })).status).toBe(401)
    },
  )
})
