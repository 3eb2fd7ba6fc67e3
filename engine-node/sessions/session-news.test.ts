import { describe, expect, it } from 'vitest'
import type { SessionRow } from '../../src/db/sessions.ts'
import { createFakeClock } from '../../test/support/fake-clock.ts'
import { createLog } from '../log.ts'
import { createSessionNews } from './session-news.ts'

const clock = createFakeClock()
const news = createSessionNews({
  record: (event, _sessionId, data) => [{ sql: event, args: [JSON.stringify(data)] }],
  chain: { run: async () => {} },
  queue: { put() {}, after: () => () => {} },
  clock,
  log: createLog('silent'),
  onQr() {},
})
const row = { id: 's1', status: 'ready', restriction: null } as SessionRow
const lock = { kind: 'reachout_timelock', code: 'BIZ_QUALITY', expiresAt: '2026-01-01T00:00:00.000Z' }
const said = (statements: { sql: string; args: unknown[] }[]) =>
  statements.map(({ sql, args }) => ({ event: sql, ...JSON.parse(String(args[0])) }))

describe('news of a session', () => {
  it('tell of a restriction that comes, changes and goes, each once', () => {
    const locked = { ...row, restriction: lock }
    expect(said(news.changed(row, locked, 'whatsapp'))).toEqual([
      { event: 'session.restriction', sessionId: 's1', active: true, ...lock },
    ])
    expect(news.changed(locked, { ...locked }, 'whatsapp')).toEqual([])
    const longer = { ...row, restriction: { ...lock, expiresAt: null } }
    expect(said(news.changed(locked, longer, 'whatsapp'))).toMatchObject([{ active: true, expiresAt: null }])
    expect(said(news.changed(locked, row, 'whatsapp'))).toEqual([
      { event: 'session.restriction', sessionId: 's1', active: false, ...lock },
    ])
  })

  it('tell of every fifth try in a row', () => {
    const told = Array.from({ length: 11 }, (_, tries) => said(news.reconnecting(row, tries + 1, 700))).flat()
    expect(told).toEqual([
      { event: 'session.reconnect_loop', sessionId: 's1', attempts: 5, nextDelayMs: 700 },
      { event: 'session.reconnect_loop', sessionId: 's1', attempts: 10, nextDelayMs: 700 },
    ])
  })
})
