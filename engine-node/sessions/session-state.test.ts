import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/contract/errors.ts'
import { type SessionRow, toSession } from '../../src/db/sessions.ts'
import { failure, gaveUp, lost, stamped, told, unbanned } from './session-state.ts'

const NOW = 1_700_000_000_000
const row: SessionRow = {
  id: '11111111-1111-4111-8111-111111111111',
  name: 'main',
  status: 'ready',
  desired: 'running',
  phone: '1',
  lid: null,
  pushName: null,
  connectedAt: NOW,
  lastActiveAt: NOW,
  lastError: null,
  statusSince: NOW,
  trouble: null,
  restriction: null,
  config: null,
  engineLoaded: true,
  groupsListedAt: null,
  createdAt: NOW,
  updatedAt: NOW,
}

describe('session-state', () => {
  it('tells why a session waits, since when, and when it tries again', () => {
    const waiting = { ...row, ...stamped(row, told(lost('gone'), NOW + 5_000), NOW + 1_000) }
    expect(toSession(waiting)).toMatchObject({
      status: 'disconnected',
      lastError: 'gone',
      state: {
        since: new Date(NOW + 1_000).toISOString(),
        reason: 'connection_lost',
        code: null,
        isFinal: false,
        nextAction: 'wait',
        retryAt: new Date(NOW + 5_000).toISOString(),
      },
    })
  })

  it('keeps the time of a status that stays, and leaves no trouble behind', () => {
    const waiting = { ...row, ...stamped(row, told(lost('gone')), NOW + 1) }
    const again = {
      ...waiting,
      ...stamped(waiting, told(failure(new GatewayError('storage_unavailable', 'full'))), NOW + 2),
    }
    expect(again).toMatchObject({
      statusSince: NOW + 1,
      trouble: { reason: 'gateway_fault' },
      updatedAt: NOW + 2,
    })
    expect({ ...again, ...stamped(again, { status: 'ready' }, NOW + 3) }).toMatchObject({
      statusSince: NOW + 3,
      trouble: null,
    })
    // The operator stops what waits: nothing is wrong any more.
    const stopped = { ...again, ...stamped(again, { status: 'disconnected', desired: 'stopped' }, NOW + 4) }
    expect(toSession(stopped).state).toMatchObject({ reason: null, nextAction: 'start', retryAt: null })
    expect(stamped(again, { pushName: 'x' }, NOW + 5)).toEqual({ pushName: 'x', updatedAt: NOW + 5 })
  })

  it('says what a person has to do', () => {
    expect(gaveUp(lost('gone'))).toMatchObject({
      status: 'failed',
      trouble: { isFinal: true, nextAction: 'start' },
    })
    expect(failure(new GatewayError('credentials_unreadable', 'no'))).toMatchObject({
      status: 'failed',
      trouble: { isFinal: true, nextAction: 'restore_key' },
    })
    const next = (status: SessionRow['status']) => toSession({ ...row, status }).state.nextAction
    expect([next('qr_ready'), next('ready'), next('created')]).toEqual(['link', 'none', 'start'])
  })

  it('lifts a ban, and nothing else, when the session is ready again', () => {
    const restriction = { kind: 'tos_block', code: '402', expiresAt: null }
    expect(unbanned({ ...row, restriction })).toEqual({ restriction: null })
    expect(unbanned({ ...row, restriction: { ...restriction, kind: 'reachout_timelock' } })).toEqual({})
  })
})
