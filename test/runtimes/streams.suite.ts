// Live events over real connections, which every runtime carries in its own way: flushed at once, resumed without a gap, ended
// with their key.
import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { insertEvent } from '../../src/db/events.ts'
import { insertSession } from '../../src/db/sessions.ts'
import { ask } from '../support/api-client.ts'
import type { ApiUnderTest } from '../support/api-runtimes.ts'

export function streamsSuite(rig: () => ApiUnderTest): void {
  async function newSession(): Promise<string> {
    const id = randomUUID()
    const row = { id, name: id.slice(0, 20), status: 'ready' as const, createdAt: 0, updatedAt: 0 }
    await rig().database.writer.commit([insertSession(rig().database.db, row)])
    return id
  }

  const record = (sessionId: string, from: number, count: number) =>
    rig().database.writer.commit(
      Array.from({ length: count }, (_, index) =>
        insertEvent({
          id: `evt_${randomUUID()}`,
          event: 'message.received',
          sessionId,
          chatId: '1@c.us',
          data: JSON.stringify({ n: from + index }),
          occurredAt: 0,
          createdAt: 0,
        }),
      ),
    )

  /** Reads whole frames until `isEnough`, then breaks the connection. Gives what was in them. */
  async function read(
    path: string,
    options: { key?: string; lastEventId?: string | undefined; isEnough(seen: number[]): boolean },
  ) {
    const broken = new AbortController()
    const response = await fetch(`${rig().baseUrl}/api${path}`, {
      headers: {
        'x-api-key': options.key ?? rig().adminKey,
        ...(options.lastEventId !== undefined && { 'last-event-id': options.lastEventId }),
        ...rig().frontHeaders,
      },
      signal: broken.signal,
    })
    expect([response.status, response.headers.get('content-type')]).toEqual([
      200,
      'text/event-stream; charset=utf-8',
    ])
    const seen: number[] = []
    let [text, lastEventId, end] = ['', options.lastEventId, '']
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      text += chunk
      const frames = text.split('\n\n')
      text = frames.pop() ?? ''
      for (const frame of frames) {
        lastEventId = /^id: (\d+)$/m.exec(frame)?.[1] ?? lastEventId
        const data = /^data: (.*)$/m.exec(frame)?.[1]
        if (data === undefined) continue
        const json = JSON.parse(data)
        if (frame.startsWith('event: end')) end = json.reason
        else seen.push(json.data.n)
      }
      if (options.isEnough(seen)) break
    }
    broken.abort()
    return { seen, lastEventId, end }
  }

  describe('streams', () => {
    it('show every event once and in order over broken connections', async () => {
      const sessionId = await newSession()
      const path = `/events/stream?sessionId=${sessionId}`
      const start = await read(path, { isEnough: () => true })
      const seen: number[] = []
      let { lastEventId } = start
      for (let round = 0; round < 10; round += 1) {
        const want = 1 + ((round * 7) % 20)
        const reading = read(path, { lastEventId, isEnough: ({ length }) => length >= want })
        await record(sessionId, round * 20, 20)
        const part = await reading
        seen.push(...part.seen)
        lastEventId = part.lastEventId
      }
      const rest = await read(path, {
        lastEventId,
        isEnough: more => more.at(-1) === 199 || seen.at(-1) === 199,
      })
      expect([...seen, ...rest.seen]).toEqual(Array.from({ length: 200 }, (_, index) => index))
    })

    it('end within five seconds when their key is revoked', async () => {
      const made = await ask(rig(), 'POST', '/auth/api-keys', { body: { name: 'stream', role: 'viewer' } })
      const { id, apiKey } = made.body
      const reading = read('/events/stream', { key: apiKey, isEnough: () => false })
      // Nothing tells from outside that a stream is open but its first frame, which `read` keeps.
      await read('/events/stream', { key: apiKey, isEnough: () => true })
      const revoked = performance.now()
      await ask(rig(), 'POST', `/auth/api-keys/${id}/revoke`)
      expect((await reading).end).toBe('API key is revoked')
      expect(performance.now() - revoked).toBeLessThan(5_000)
    })
  })

  describe('sockets', () => {
    /** A client that answers as the first frame asks for, and keeps what it was told. */
    async function connect(path: string, { key = rig().adminKey, headers = {} } = {}) {
      const client = new WebSocket(`${rig().baseUrl.replace('http', 'ws')}/api${path}`, {
        headers: { 'x-api-key': key, ...headers, ...rig().frontHeaders },
      })
      const seen: number[] = []
      const controls: { control: string; cursor: number; reason?: string }[] = []
      let [cursor, acks, changed] = [0, false, () => {}]
      const closed = new Promise<number>(resolve => client.on('close', resolve))
      client.on('message', data => {
        const frame = JSON.parse(String(data))
        if (frame.control === 'acks') {
          acks = true
          return
        }
        cursor = frame.seq ?? frame.cursor
        if (frame.control) controls.push(frame)
        else seen.push(frame.data.n)
        if (acks) client.send('ack')
        changed()
      })
      const status = await new Promise<number>((resolve, reject) => {
        client.on('open', () => resolve(101))
        client.on('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0))
        client.on('error', reject)
      }).catch(error => {
        // What ws throws besides, when the handshake was answered with a status.
        throw new Error('the socket failed', { cause: error })
      })
      return {
        status,
        seen,
        controls,
        closed,
        cursor: () => cursor,
        end: () => client.terminate(),
        async until(isEnough: () => boolean) {
          while (!isEnough())
            await new Promise<void>(resolve => {
              changed = resolve
            })
        },
      }
    }

    it('show every event once and in order over broken connections', async () => {
      const sessionId = await newSession()
      const path = `/events/ws?sessionId=${sessionId}`
      let socket = await connect(path)
      await socket.until(() => socket.controls.length > 0)
      expect(socket.controls[0]).toMatchObject({ control: 'ready' })
      let cursor = 0
      const seen: number[] = []
      for (let round = 0; round < 5; round += 1) {
        await record(sessionId, round * 40, 40)
        await socket.until(() => socket.seen.length >= 1 + ((round * 7) % 20))
        socket.end()
        await socket.closed
        seen.push(...socket.seen)
        cursor = socket.cursor()
        socket = await connect(`${path}&after=${cursor}`)
      }
      await socket.until(() => socket.seen.at(-1) === 199 || seen.at(-1) === 199)
      socket.end()
      expect([...seen, ...socket.seen]).toEqual(Array.from({ length: 200 }, (_, index) => index))
    })

    it('end within five seconds when their key is revoked', async () => {
      const made = await ask(rig(), 'POST', '/auth/api-keys', { body: { name: 'socket', role: 'viewer' } })
      const { id, apiKey } = made.body
      const socket = await connect('/events/ws', { key: apiKey })
      const revoked = performance.now()
      await ask(rig(), 'POST', `/auth/api-keys/${id}/revoke`)
      expect(await socket.closed).toBe(1008)
      expect(socket.controls.at(-1)).toMatchObject({ control: 'end', reason: 'API key is revoked' })
      expect(performance.now() - revoked).toBeLessThan(5_000)
    })

    it('are opened only with a key, from a page that may, and as sockets', async () => {
      expect((await connect('/events/ws', { key: 'wrong' })).status).toBe(401)
      expect((await connect('/events/ws', { headers: { origin: 'https://evil.test' } })).status).toBe(403)
      expect((await connect('/events/ws?after=999999999')).status).toBe(410)
      const [one, other] = [await newSession(), await newSession()]
      const made = await ask(rig(), 'POST', '/auth/api-keys', {
        body: { name: 'one', allowedSessions: [one] },
      })
      const key = made.body.apiKey
      expect((await connect(`/events/ws?sessionId=${other}`, { key })).status).toBe(403)
      const mine = await connect('/events/ws', { key })
      await record(other, 0, 3)
      await record(one, 7, 1)
      await mine.until(() => mine.seen.length > 0)
      mine.end()
      expect(mine.seen).toEqual([7])
      const plain = await ask(rig(), 'GET', '/events/ws')
      expect([plain.status, plain.body.code]).toEqual([426, 'UPGRADE_REQUIRED'])
    })
  })

  describe('cursors', () => {
    it('say that a cursor is of another log', async () => {
      const answer = await ask(rig(), 'GET', '/events/stream?after=999999999')
      expect([answer.status, answer.body.code]).toEqual([410, 'CURSOR_GONE'])
    })
  })
}
