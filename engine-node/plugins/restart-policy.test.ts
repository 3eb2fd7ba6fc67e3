import { describe, expect, it } from 'vitest'
import { CRASH_WINDOW_MS, judgeCrash } from './restart-policy.ts'

const MINUTE = 60_000

describe('judgeCrash', () => {
  const cases: [string, number[], ReturnType<typeof judgeCrash>][] = [
    ['the first', [0], { restart: true, delayMs: 1_000 }],
    ['the second', [0, 10], { restart: true, delayMs: 2_000 }],
    ['the fourth', [0, 10, 20, 30], { restart: true, delayMs: 8_000 }],
    [
      'the fifth in ten minutes',
      [0, 1, 2, 3, 10 * MINUTE - 1],
      { restart: false, why: 'switched off after 5 crashes in 10 minutes' },
    ],
    ['the fifth, just after ten minutes', [0, 1, 2, 3, 10 * MINUTE], { restart: true, delayMs: 16_000 }],
    ['after a quiet window', [0, 1, 2, 2 + CRASH_WINDOW_MS], { restart: true, delayMs: 1_000 }],
    [
      'again and again, slowly',
      Array.from({ length: 16 }, (_, index) => index * 4 * MINUTE),
      { restart: true, delayMs: 5 * MINUTE },
    ],
  ]
  it.each(cases)('%s', (_what, crashes, expected) => expect(judgeCrash(crashes)).toEqual(expected))
})
