import { describe, expect, it, vi } from 'vitest'
import { parseStrictJson } from './strict-json.ts'

const options = { maxDepth: 32, refuse: (why: string) => new RangeError(`body ${why}`) }

const parse = (text: string) => parseStrictJson(new TextEncoder().encode(text), options)

/** The reason that a text is refused with. */
function refusal(bytes: string | Uint8Array): unknown {
  try {
    if (typeof bytes === 'string') parse(bytes)
    else parseStrictJson(bytes, options)
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(RangeError)
    return [(thrown as RangeError).message]
  }
  throw new Error('was accepted')
}

describe('parseStrictJson', () => {
  it.each([
    '{"a":1,"b":{"a":2,"c":[{"a":1},{"a":2}]},"d":"\\u00e9 \\" \\\\"}',
    '[1,-0.5,1e3,true,null,"a,b:{}[]"]',
    '"text"',
    ' {"a" : "b"} ',
    '{"":0,"\\\\":1,"\\"":2}',
    '{"a":9007199254740991}',
  ])('gives what JSON.parse gives for %s', text => {
    expect(parse(text)).toEqual(JSON.parse(text))
  })

  it.each([
    ['{"a":1}x', 'is not valid JSON'],
    ['\ufeff{}', 'is not valid JSON'],
    ['', 'is not valid JSON'],
    ['{"a":1,"a":2}', 'has the property "a" twice'],
    ['{"a":1,"\\u0061":2}', 'has the property "a" twice'],
    ['{"x":[{"b":1,"c":{"d":1},"b":2}]}', 'has the property "b" twice'],
    ['{"__proto__":{}}', 'must not have a property __proto__'],
    ['{"x":{"\\u005f_proto__":1}}', 'must not have a property __proto__'],
    ['{"a":"b\\u0000"}', 'must not contain NUL'],
    ['{"b\\u0000":1}', 'must not contain NUL'],
    ['{"a":"\\ud800"}', 'contains half of a surrogate pair'],
    ['{"a":1e400}', 'has a number that is out of range: 1e400'],
    ['[9007199254740993]', 'has a number that is out of range: 9007199254740993'],
    [`${'['.repeat(100)}${']'.repeat(100)}`, 'is nested deeper than 32 levels'],
    [`[${'0,'.repeat(100_001)}0]`, 'has more than 100000 members'],
  ])('refuses %#', (text, why) => {
    expect(refusal(text)).toEqual([`body ${why}`])
  })

  it('refuses bytes that are not UTF-8', () => {
    expect(refusal(new Uint8Array([0x22, 0xff, 0x22]))).toEqual(['body is not valid UTF-8'])
  })

  it.each([
    ['lists', '['.repeat(33), 'is nested deeper than 32 levels'],
    ['objects', '{"a":'.repeat(33), 'is nested deeper than 32 levels'],
    ['lists behind a text', `["[[", "\\"[", ${'['.repeat(32)}`, 'is nested deeper than 32 levels'],
    ['members', `[${'0,'.repeat(100_001)}`, 'has more than 100000 members'],
  ])('refuses too many %s before it parses', (_name, text, why) => {
    const parsed = vi.spyOn(JSON, 'parse')
    try {
      expect(refusal(text)).toEqual([`body ${why}`])
      expect(parsed).not.toHaveBeenCalled()
    } finally {
      parsed.mockRestore()
    }
  })

  it('counts nothing that stands in a text', () => {
    const text = `[[{${'{['.repeat(40)},\\"`.repeat(3) + ','.repeat(100_001)
    expect(parse(JSON.stringify({ a: [[text]] }))).toEqual({ a: [[text]] })
    expect(parse(`${'[0],'.repeat(40).replace(/^/, '[')}0]`)).toHaveLength(41)
    expect(refusal('{"a":"[')).toEqual(['body is not valid JSON'])
  })

  it('takes text nested a hundred thousand levels deep without falling over', () => {
    expect(refusal('['.repeat(100_000) + ']'.repeat(100_000))).toEqual([
      'body is nested deeper than 32 levels',
    ])
  })
})
