import { describe, expect, it } from 'vitest'
import { judgeStatus, MAX_RETRY_AFTER_MS, parseRetryAfter, retryDelay, retryTable } from './schedule.ts'

const NOW = Date.parse('2024-01-01T00:00:00Z')

describe('retryDelay', () => {
  it.each(retryTable.map((pause, index) => [index + 1, pause]))(
    'after %i tries waits %i ms',
    (attempts, pause) => {
      expect(retryDelay(attempts, null, 0)).toBe(pause)
      const late = retryDelay(attempts, null, 0.999) ?? 0
      expect(late).toBeGreaterThan(pause)
      expect(late).toBeLessThanOrEqual(pause * 1.1)
    },
  )

  it('gives up after ten tries, about three days on', () => {
    expect(retryDelay(10, null, 0)).toBeNull()
    expect(retryTable.reduce((sum, pause) => sum + pause, 0) / 3_600_000).toBeCloseTo(75.6, 1)
  })

  it.each([
    [0, 1, null],
    [1, 1, null],
    [2, 1, 5_000],
    [2, 2, null],
    [5, 3, 20_000],
    [5, 4, 40_000],
    [5, 5, null],
  ])('with retryCount %i after %i tries gives %s', (retryCount, attempts, delay) => {
    expect(retryDelay(attempts, retryCount, 0)).toBe(delay)
  })
})

describe('parseRetryAfter', () => {
  it.each([
    ['0', 0],
    ['30', 30_000],
    [' 30 ', 30_000],
    ['1000000000', MAX_RETRY_AFTER_MS],
    ['9'.repeat(400), MAX_RETRY_AFTER_MS],
    ['Mon, 01 Jan 2024 00:01:00 GMT', 60_000],
    ['Mon, 01 Jan 2035 00:00:00 GMT', MAX_RETRY_AFTER_MS],
    ['Sun, 31 Dec 2023 00:00:00 GMT', 0],
    ['2024-01-01T00:01:00Z', 0],
    ['1e3', 0],
    ['-5', 0],
    ['soon', 0],
    ['', 0],
    [undefined, 0],
  ])('%s is %i ms', (value, ms) => expect(parseRetryAfter(value, NOW)).toBe(ms))
})

describe('judgeStatus', () => {
  it.each([
    [200, 'success'],
    [204, 'success'],
    [299, 'success'],
    [100, 'failure'],
    [301, 'failure'],
    [304, 'failure'],
    [400, 'failure'],
    [404, 'failure'],
    [410, 'gone'],
    [429, 'failure'],
    [500, 'failure'],
    [503, 'failure'],
  ])('%i is a %s', (status, kind) => expect(judgeStatus(status, undefined, NOW).kind).toBe(kind))

  it('heeds Retry-After of 429 and 503 alone', () => {
    expect(judgeStatus(429, '60', NOW)).toMatchObject({ retryAfterMs: 60_000 })
    expect(judgeStatus(503, '60', NOW)).toMatchObject({ retryAfterMs: 60_000 })
    expect(judgeStatus(500, '60', NOW)).toMatchObject({ retryAfterMs: 0 })
  })
})
