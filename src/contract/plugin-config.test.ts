import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import {
  type Config,
  ConfigSchema,
  checkConfig,
  maskSecrets,
  resolveConfig,
  restoreSecrets,
  seedDefaults,
} from './plugin-config.ts'

const schema: ConfigSchema = v.parse(ConfigSchema, {
  type: 'object',
  properties: {
    greeting: { type: 'string', title: 'Greeting', default: 'hello' },
    count: { type: 'number', min: 1, max: 9 },
    mode: { type: 'string', enum: ['a', 'b'] },
    url: { type: 'string', pattern: '^https://' },
    token: { type: 'string', secret: true },
    smtp: {
      type: 'object',
      properties: { host: { type: 'string' }, password: { type: 'string', secret: true } },
    },
    rows: {
      type: 'array',
      default: [{ name: 'first' }],
      items: {
        type: 'object',
        properties: {
          name: { type: 'string' },
          key: { type: 'string', secret: true },
          on: { type: 'boolean' },
        },
      },
    },
    lines: {
      type: 'array',
      items: { type: 'object', properties: { secret: { type: 'string', secret: true } } },
    },
    words: { type: 'array', items: { type: 'string', secret: true } },
  },
})

describe('ConfigSchema', () => {
  it('keeps what is for forms', () => {
    expect(schema.properties?.greeting?.title).toBe('Greeting')
  })
  it.each([
    [[], 'configSchema must be an object'],
    [{ properties: [] }, 'properties must be an object'],
    [{ properties: { a: 'string' } }, 'a field must be an object'],
    [{ properties: { a: { min: 'x' } } }, 'min must be a number'],
    [{ properties: { a: { pattern: 1 } } }, 'pattern must be a string'],
    [{ properties: { a: { items: { secret: 'yes' } } } }, 'secret must be true or false'],
    [
      { properties: Object.fromEntries(Array.from({ length: 501 }, (_, i) => [`k${i}`, {}])) },
      'more than 500',
    ],
  ])('refuses %j', (input, message) => {
    const parsed = v.safeParse(ConfigSchema, input)
    expect(parsed.success).toBe(false)
    expect(parsed.issues?.[0].message).toContain(message)
  })
  it('takes keywords that it does not know for nothing', () => {
    expect(
      v.is(ConfigSchema, { $ref: 'https://evil.example/x', properties: { a: { type: 'colour' } } }),
    ).toBe(true)
  })
})

describe('seedDefaults', () => {
  it('fills top-level keys that are not there, with copies', () => {
    const seeded = seedDefaults(schema, { count: 3 })
    expect(seeded).toEqual({ count: 3, greeting: 'hello', rows: [{ name: 'first' }] })
    ;(seeded.rows as Config[])[0]!.name = 'changed'
    expect(seedDefaults(schema, {}).rows).toEqual([{ name: 'first' }])
  })
  it('takes null for set and undefined for not', () => {
    expect(seedDefaults(schema, { greeting: null, rows: undefined })).toEqual({
      greeting: null,
      rows: [{ name: 'first' }],
    })
  })
  it('does nothing without a schema', () => expect(seedDefaults(null, { a: 1 })).toEqual({ a: 1 }))
})

describe('maskSecrets', () => {
  it('masks at every depth, only what is set', () => {
    const masked = maskSecrets(schema, {
      greeting: 'hi',
      token: 't',
      smtp: { host: 'h', password: 'p' },
      rows: [
        { name: 'a', key: 'k' },
        { name: 'b', key: '' },
        { name: 'c', key: null },
      ],
      words: ['x', ''],
      other: 'plain',
    })
    expect(masked).toEqual({
      greeting: 'hi',
      token: '***',
      smtp: { host: 'h', password: '***' },
      rows: [
        { name: 'a', key: '***' },
        { name: 'b', key: '' },
        { name: 'c', key: null },
      ],
      words: ['***', ''],
      other: 'plain',
    })
  })
  it('masks a value whose shape hides where its secrets are', () => {
    expect(maskSecrets(schema, { smtp: 'user:p@host', rows: { key: 'k' } })).toEqual({
      smtp: '***',
      rows: '***',
    })
  })
  it('changes nothing of what it is given', () => {
    const config = { token: 't' }
    maskSecrets(schema, config)
    expect(config).toEqual({ token: 't' })
  })
})

describe('restoreSecrets', () => {
  const cases: [string, Config, Config, Config][] = [
    ['the mask keeps', { token: 't' }, { token: '***' }, { token: 't' }],
    ['empty keeps', { token: 't' }, { token: '' }, { token: 't' }],
    ['null keeps', { token: 't' }, { token: null }, { token: 't' }],
    ['a new value replaces', { token: 't' }, { token: 'u' }, { token: 'u' }],
    ['nothing stored drops the key', {}, { token: '***', greeting: 'x' }, { greeting: 'x' }],
    ['an empty plain field is a value', { greeting: 'x' }, { greeting: '' }, { greeting: '' }],
    ['the mask is a value of a plain field', {}, { greeting: '***' }, { greeting: '***' }],
    [
      'inside an object',
      { smtp: { host: 'h', password: 'p' } },
      { smtp: { host: 'i', password: '***' } },
      { smtp: { host: 'i', password: 'p' } },
    ],
    ['inside an object of another shape', { smtp: 'x' }, { smtp: { password: '***' } }, { smtp: {} }],
    [
      'rows by their name, in another order',
      {
        rows: [
          { name: 'a', key: '1' },
          { name: 'b', key: '2' },
        ],
      },
      {
        rows: [
          { name: 'b', key: '***' },
          { name: 'a', key: '***' },
        ],
      },
      {
        rows: [
          { name: 'b', key: '2' },
          { name: 'a', key: '1' },
        ],
      },
    ],
    [
      'a new row gets nobody else’s secret',
      { rows: [{ name: 'a', key: '1' }] },
      {
        rows: [
          { name: 'new', key: '***' },
          { name: 'a', key: '***' },
        ],
      },
      { rows: [{ name: 'new' }, { name: 'a', key: '1' }] },
    ],
    [
      'rows by position when a name is there twice',
      {
        rows: [
          { name: 'a', key: '1' },
          { name: 'b', key: '2' },
        ],
      },
      {
        rows: [
          { name: 'b', key: '***' },
          { name: 'b', key: '***' },
        ],
      },
      {
        rows: [
          { name: 'b', key: '1' },
          { name: 'b', key: '2' },
        ],
      },
    ],
    [
      'rows by position without an identity',
      { lines: [{ secret: '1' }, { secret: '2' }] },
      { lines: [{ secret: '***' }, { secret: 'x' }, { secret: '***' }] },
      { lines: [{ secret: '1' }, { secret: 'x' }, {}] },
    ],
    ['a key that the form does not know', { other: 1 }, { other: '***' }, { other: '***' }],
  ]
  it.each(cases)('%s', (_what, stored, written, expected) => {
    expect(restoreSecrets(schema, stored, written)).toEqual(expected)
  })
  it('gives back what a reader was shown', () => {
    const stored = {
      token: 't',
      smtp: { host: 'h', password: 'p' },
      rows: [{ name: 'a', key: 'k' }],
      words: ['x', 'y'],
    }
    expect(restoreSecrets(schema, stored, maskSecrets(schema, stored))).toEqual(stored)
  })
  it('does not look keys up on the prototype', () => {
    expect(restoreSecrets(schema, {}, { constructor: 'x', toString: '***' })).toEqual({
      constructor: 'x',
      toString: '***',
    })
  })
})

describe('checkConfig', () => {
  const cases: [Config, string[]][] = [
    [{ greeting: 'x', count: 5, mode: 'a', url: 'https://x', smtp: {}, rows: [{ on: true }] }, []],
    [{ count: null, mode: null, rows: null }, []],
    [{ token: '***', smtp: { password: '' } }, []],
    [{ unknown: { deep: 1 } }, []],
    [{ greeting: 1 }, ['greeting must be a string']],
    [{ count: '5' }, ['count must be a number']],
    [{ count: Number.NaN }, ['count must be a number']],
    [{ count: 0 }, ['count must be at least 1']],
    [{ count: 10 }, ['count must be at most 9']],
    [{ mode: 'c' }, ['mode must be one of the choices']],
    [{ url: 'ftp://x' }, ['url does not have the asked form']],
    [{ url: '' }, []],
    [{ rows: 'x' }, ['rows must be a list']],
    [{ rows: [1, { on: 'yes' }] }, ['rows[0] must be an object', 'rows[1].on must be true or false']],
    [{ smtp: [] }, ['smtp must be an object']],
    [{ token: 5, smtp: { password: {} } }, ['token must be a string', 'smtp.password must be a string']],
  ]
  it.each(cases)('%j: %j', (written, expected) => {
    expect(checkConfig(schema, written).map(({ path, message }) => `${path} ${message}`)).toEqual(expected)
  })
})

describe('resolveConfig', () => {
  it('goes deep by object and replaces the rest', () => {
    const base = { a: 1, o: { x: 1, y: { z: 1 } }, list: [1, 2], n: { k: 1 } }
    const over = { o: { y: { z: 2 }, w: 3 }, list: [3], n: null }
    expect(resolveConfig(base, over)).toEqual({ a: 1, o: { x: 1, y: { z: 2 }, w: 3 }, list: [3], n: null })
    expect(base.o.y.z).toBe(1)
  })
})
