import { describe, expect, it } from 'vitest'
import { judge, percentile } from './figure.ts'

const figure = { name: 'x', unit: 'ms', value: 3, baseline: 2 }

describe('judge', () => {
  it.each([
    [{ of: 'ratio', atMost: 1.5 } as const, true],
    [{ of: 'ratio', atMost: 1.4 } as const, false],
    [{ of: 'ratio', atLeast: 1.6 } as const, false],
    [{ of: 'value', atLeast: 3 } as const, true],
    [null, null],
  ])('%o', (goal, met) => expect(judge({ ...figure, goal })).toMatchObject({ ratio: 1.5, met }))

  it('does not judge a ratio that there is not', () =>
    expect(() => judge({ ...figure, baseline: null, goal: { of: 'ratio', atMost: 1 } })).toThrow('baseline'))
})

it('percentile takes from the sorted samples', () => {
  const samples = Array.from({ length: 100 }, (_, index) => 100 - index)
  expect([percentile(samples, 0.5), percentile(samples, 0.99), percentile(samples, 1)]).toEqual([
    51, 100, 100,
  ])
})
