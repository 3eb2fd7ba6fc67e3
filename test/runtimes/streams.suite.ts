// Live events over real connections, which every runtime carries in its own way: flushed at once, resumed without a gap, ended
// with their key.
import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
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

    it('say that a cursor is of another log', async () => {
      const answer = await ask(rig(), 'GET', '/events/stream?after=999999999')
      expect([answer.status, answer.body.code]).toEqual([410, 'CURSOR_GONE'])
    })
  })
}
