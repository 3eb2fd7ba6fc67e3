import { describe, expect, it } from 'vitest'
import { type ErrorCode, GatewayError } from '../../src/contract/errors.ts'
import { afterFailure, judge } from './verdict.ts'

const HOUR = 60 * 60_000
const NOW = 100 * HOUR
const batch = (completedAt: number | null) => ({ id: 'b', completedAt }) as never
const job = { state: 'waiting', origin: 'scheduled', sendAt: NOW, claimedAt: null, batchOf: null } as const

describe('whether a job is sent', () => {
  it.each([
    ['a new one', {}, 'send'],
    ['one that is late', { sendAt: NOW - 23 * HOUR }, 'send'],
    ['one that is too late', { sendAt: NOW - 25 * HOUR }, 'expired'],
    ['an answer that is too late', { origin: 'automation', sendAt: NOW - HOUR }, 'expired'],
    ['a batch, however late', { origin: 'bulk', sendAt: 0, batchOf: batch(null) }, 'send'],
    ['of a batch that was cancelled', { origin: 'bulk', batchOf: batch(NOW) }, 'cancelled'],
    ['one that a crash has left', { state: 'sending', claimedAt: NOW - HOUR }, 'send'],
    ['left for too long', { state: 'sending', claimedAt: NOW - 24 * HOUR }, 'outcome_unknown'],
    [
      'left in a batch that was cancelled',
      { state: 'sending', claimedAt: NOW - HOUR, batchOf: batch(NOW) },
      'cancelled',
    ],
  ] as const)('%s: %j', (_what, facts, expected) => {
    const verdict = judge({ ...job, ...facts }, null, NOW)
    expect(verdict === 'send' ? verdict : verdict.state === 'failed' ? verdict.code : verdict.state).toBe(
      expected,
    )
  })

  it('never, when its key has led to a message', () => {
    const facts = { ...job, state: 'sending', claimedAt: 0, sendAt: 0, batchOf: batch(NOW) } as const
    expect(judge(facts, { waMessageId: 'WA' }, NOW)).toEqual({ state: 'sent', waMessageId: 'WA' })
  })
})

describe('after a send that failed', () => {
  const rows: [ErrorCode, { certain?: boolean; details?: object }, number, object][] = [
    ['session_not_ready', {}, 1, { wait: 5_000, isKnown: true }],
    ['session_not_started', {}, 99, { wait: 5_000, isKnown: true }],
    ['rate_limited', { details: { retryAfterSeconds: 90 } }, 1, { wait: 90_000, isKnown: true }],
    ['rate_limited', { details: { retryAfterSeconds: 1e9 } }, 1, { wait: HOUR, isKnown: true }],
    ['transport_failed', {}, 1, { wait: 1_000, isKnown: false }],
    ['transport_failed', { certain: true }, 1, { state: 'failed', code: 'transport_failed' }],
    ['storage_unavailable', {}, 4, { wait: 120_000, isKnown: false }],
    ['storage_unavailable', {}, 5, { state: 'failed', code: 'storage_unavailable' }],
    ['sending_blocked', {}, 1, { state: 'failed', code: 'sending_blocked' }],
    ['not_found', {}, 1, { state: 'failed', code: 'not_found' }],
    ['idempotency_outcome_unknown', {}, 1, { state: 'failed', code: 'idempotency_outcome_unknown' }],
  ]
  it.each(rows)('%s %j, try %i: %j', (code, options, attempts, expected) => {
    expect(afterFailure(new GatewayError(code, 'why', options as never), attempts)).toMatchObject(expected)
  })

  it('says nothing of an error without a name', () => {
    expect(afterFailure(new Error('secret'), 5)).toEqual({
      state: 'failed',
      code: 'internal',
      message: 'Internal server error',
    })
  })
})
