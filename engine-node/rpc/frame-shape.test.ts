import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { Frame } from '../../src/contract/frames.ts'
import { isBounded, isFrame, MAX_DEPTH, MAX_VALUES } from './frame-shape.ts'

const values = [
  undefined,
  null,
  true,
  0,
  1,
  -1,
  1.5,
  2 ** 53,
  Number.MAX_SAFE_INTEGER,
  '',
  'x',
  '1',
  'call',
  'x'.repeat(64),
  'x'.repeat(65),
  'x'.repeat(8_192),
  'x'.repeat(8_193),
  [],
  {},
  [1],
  { code: 'a', message: 'b' },
  { code: 'a' },
  { code: 'a', message: 'b', stack: 'c' },
  { code: 'x'.repeat(65), message: 'b' },
  { code: 1, message: 'b' },
]

/** Every frame of a kind with each of its fields replaced, removed and joined by others. */
function* variants(): Generator<unknown> {
  yield* values
  const fields = {
    call: { id: 1, method: 'm', params: {} },
    result: { id: 1, value: 1 },
    error: { id: 1, error: { code: 'a', message: 'b' } },
    event: { method: 'm', params: {} },
    cancel: { id: 1 },
    other: { id: 1 },
  }
  const names = ['t', 'id', 'method', 'params', 'value', 'error', 'pluginId', 'constructor']
  for (const [t, entries] of Object.entries(fields)) {
    const frame: Record<string, unknown> = { t, ...entries }
    yield frame
    for (const name of names) {
      const { [name]: _, ...without } = frame
      yield without
      for (const value of values) yield { ...frame, [name]: value }
    }
  }
}

describe('isFrame', () => {
  it('takes exactly what the schema takes', () => {
    let taken = 0
    let refused = 0
    for (const value of variants()) {
      // What came out of JSON has no undefined in it.
      const parsed: unknown = value === undefined ? undefined : JSON.parse(JSON.stringify(value))
      const expected = v.is(Frame, parsed)
      expect(isFrame(parsed), JSON.stringify(parsed)?.slice(0, 200)).toBe(expected)
      if (expected) taken += 1
      else refused += 1
    }
    expect(taken).toBeGreaterThan(100)
    expect(refused).toBeGreaterThan(300)
  })
})

describe('isBounded', () => {
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth)
  it.each<[string, string, boolean]>([
    ['short text', '{"a":1}', true],
    ['the deepest allowed', nested(MAX_DEPTH), true],
    ['one too deep', nested(MAX_DEPTH + 1), false],
    ['deep objects', '{"a":'.repeat(MAX_DEPTH + 1), false],
    ['many siblings of no depth', `[${'[],'.repeat(5_000)}[]]`, true],
    ['the most values', `[${'0,'.repeat(MAX_VALUES)}0]`, true],
    ['one value too many', `[${'0,'.repeat(MAX_VALUES + 1)}0]`, false],
    ['brackets and commas in a string', JSON.stringify(`${'[,'.repeat(MAX_VALUES)}`), true],
    ['a string that ends in backslashes', `["${'\\\\'.repeat(3)}",${nested(MAX_DEPTH)}]`, false],
    ['an escaped quote', `["\\"${'['.repeat(3_000)}"]`, true],
    ['a string without end', `"${'['.repeat(3_000)}`, true],
  ])('%s', (_, text, expected) => expect(isBounded(text)).toBe(expected))
})
