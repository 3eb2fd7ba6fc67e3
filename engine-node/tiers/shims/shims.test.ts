// Each shim beside the thing of Node that it stands for: the same inputs, the same answers, the same codes of errors.
import assert from 'node:assert'
import { EventEmitter } from 'node:events'
import nodePath from 'node:path'
import nodeQuerystring from 'node:querystring'
import { StringDecoder as NodeDecoder } from 'node:string_decoder'
import nodeUtil from 'node:util'
import { describe, expect, it } from 'vitest'
import { createFakeClock } from '../../../test/support/fake-clock.ts'
import { assert as guestAssert } from './assert.ts'
import { GuestBuffer } from './buffer.ts'
import { isDeepEqual } from './deep-equal.ts'
import { GuestAbortController, GuestAbortSignal, GuestEvent, GuestEventTarget } from './event-target.ts'
import { events } from './events.ts'
import { format, inspect } from './inspect.ts'
import { path } from './path.ts'
import { querystring } from './querystring.ts'
import { StringDecoder } from './string-decoder.ts'
import { structuredClone as guestClone } from './structured-clone.ts'
import { encodings, utf8Bytes, utf8Length } from './text-bytes.ts'
import { GuestTextDecoder, GuestTextEncoder } from './text-coding.ts'
import { createTimers } from './timers.ts'
import { GuestURLSearchParams } from './url-search-params.ts'

/** What a call gives, or the code or name of what it throws. */
function outcome(run: () => unknown): unknown {
  try {
    return { gives: run() }
  } catch (thrown) {
    const { code, name } = Object(thrown)
    return { throws: typeof code === 'string' ? code : name }
  }
}
const same = (guest: () => unknown, node: () => unknown) => expect(outcome(guest)).toEqual(outcome(node))

const texts = [
  '',
  'abc',
  'Grüße',
  '世界',
  '\u{1f600}x',
  '\ud800',
  'a\udc00b',
  'aGk=',
  'aG-_k',
  '0aF',
  'zz',
  ' a b\n',
]
const bytes = [
  [],
  [0x61],
  [0xc3, 0xa9],
  [0xff, 0x41],
  [0xe2, 0x82],
  [0xe2, 0x82, 0xac, 0xf0, 0x9f],
  [0xf0, 0x9f, 0x98, 0x80],
  [0xed, 0xa0, 0x80],
  [0xc0, 0x80, 0xf5],
  [0xf4, 0x90, 0x80, 0x80],
  Array.from({ length: 300 }, (_, n) => n & 0xff),
]

describe('Buffer', () => {
  it.each(encodings)('makes bytes of text in %s, and text of bytes', encoding => {
    for (const text of texts) {
      const [guest, node] = [GuestBuffer.from(text, encoding), Buffer.from(text, encoding)]
      expect([...guest]).toEqual([...node])
      expect(GuestBuffer.byteLength(text, encoding)).toBe(guest.length)
    }
    for (const each of bytes)
      expect(GuestBuffer.from(each).toString(encoding)).toBe(Buffer.from(each).toString(encoding))
  })

  it('counts UTF-8 without making it', () => {
    for (const text of texts) expect(utf8Length(text)).toBe(utf8Bytes(text).length)
  })

  const numbers: [string, number | bigint, number?][] = [
    ['UInt8', 255],
    ['Int8', -1],
    ['UInt16LE', 65_535],
    ['UInt16BE', 258],
    ['Int16BE', -2],
    ['UInt32LE', 4_294_967_295],
    ['Int32BE', -7],
    ['FloatLE', 1.5],
    ['DoubleBE', -0.1],
    ['BigInt64LE', -9n],
    ['BigUInt64BE', 9n],
    ['UIntBE', 0x123456, 3],
    ['IntLE', -0x123456, 5],
    ['UInt8', 256],
    ['Int16LE', 40_000],
    ['UInt32BE', -1],
  ]
  it.each(numbers)('writes and reads %s of %s', (name, value, size) => {
    for (const offset of [0, 1, 15]) {
      const [guest, node] = [GuestBuffer.alloc(16), Buffer.alloc(16)]
      const rest = size === undefined ? [offset] : [offset, size]
      const call = (buffer: object, method: string, args: unknown[]) =>
        Reflect.apply(Reflect.get(buffer, method), buffer, args)
      same(
        () => call(guest, `write${name}`, [value, ...rest]),
        () => call(node, `write${name}`, [value, ...rest]),
      )
      expect([...guest]).toEqual([...node])
      same(
        () => call(guest, `read${name}`, rest),
        () => call(node, `read${name}`, rest),
      )
    }
  })

  const acts: [string, (B: typeof Buffer) => unknown][] = [
    ['concat', B => B.concat([B.from('ab'), B.from('cd')]).toString()],
    ['concat to less', B => B.concat([B.from('ab'), B.from('cd')], 3).toString()],
    [
      'slices share',
      B =>
        ((b: Buffer) => [b.subarray(1, 3).fill('x').length, b.toString(), b.slice(-2).toString()])(
          B.from('abcd'),
        ),
    ],
    ['indexOf', B => ['c', 'cd', 'x', 99, ''].map(what => B.from('abcabc').indexOf(what as string))],
    [
      'lastIndexOf',
      B => [
        B.from('abcabc').lastIndexOf('c'),
        B.from('abcabc').lastIndexOf('bc', 3),
        B.from('abc').lastIndexOf('x'),
      ],
    ],
    ['includes', B => [B.from('abc').includes('bc'), B.from('abc').includes(0x7a)]],
    [
      'fill',
      B => [
        B.alloc(5, 'ab').toString(),
        B.alloc(3, 1).toString('hex'),
        B.alloc(4).fill('é', 1).toString('hex'),
      ],
    ],
    [
      'write',
      B => ((b: Buffer) => [b.write('héé', 1), b.toString('hex'), b.write('ff', 0, 'hex'), b[0]])(B.alloc(5)),
    ],
    ['copy', B => ((b: Buffer) => [B.from('abcdef').copy(b, 1, 2, 5), b.toString('hex')])(B.alloc(3))],
    [
      'compare',
      B => [
        B.compare(B.from('a'), B.from('b')),
        B.from('b').compare(B.from('a')),
        B.from('a').equals(B.from('a')),
      ],
    ],
    [
      'json',
      B => [JSON.stringify(B.from('hi')), B.from(JSON.parse(JSON.stringify(B.from('hi')))).toString()],
    ],
    [
      'swap',
      B => [
        B.from('0102', 'hex').swap16().toString('hex'),
        B.from('01020304', 'hex').swap32().toString('hex'),
      ],
    ],
    ['isEncoding', B => ['UTF-8', 'hex', 'nope', ''].map(name => B.isEncoding(name))],
    [
      'from an ArrayBuffer',
      B => ((b: ArrayBuffer) => B.from(b, 1, 2).fill(7).length + new Uint8Array(b)[1]!)(new ArrayBuffer(4)),
    ],
    ['an unknown encoding', B => B.from('a', 'nope' as 'hex')],
    ['nothing', B => B.from(null as never)],
    ['a number', B => B.from(5 as never)],
    [
      'a map of itself',
      B =>
        B.from('ab')
          .map(byte => byte + 1)
          .toString(),
    ],
  ]
  it.each(acts)('does %s', (_, act) =>
    same(
      () => act(GuestBuffer as never),
      () => act(Buffer),
    ),
  )
})

describe('text', () => {
  it('is decoded in one piece and in many', () => {
    for (const each of bytes) {
      const whole = Uint8Array.from(each)
      expect(new GuestTextDecoder().decode(whole)).toBe(new TextDecoder().decode(whole))
      same(
        () => new GuestTextDecoder('utf-8', { fatal: true }).decode(whole),
        () => new TextDecoder('utf-8', { fatal: true }).decode(whole),
      )
      for (const encoding of ['utf8', 'utf16le', 'base64', 'hex'] as const) {
        const decoders = [new StringDecoder(encoding), new NodeDecoder(encoding)]
        const [guest, node] = decoders.map(
          decoder => [...whole].map(byte => decoder.write(Buffer.from([byte]))).join('') + decoder.end(),
        )
        expect(guest).toBe(node)
      }
      const streams = [new GuestTextDecoder(), new TextDecoder()].map(
        decoder =>
          [...whole].map(byte => decoder.decode(Uint8Array.of(byte), { stream: true })).join('') +
          decoder.decode(),
      )
      expect(streams[0]).toBe(streams[1])
    }
  })

  it('is encoded', () => {
    for (const text of texts) {
      expect([...new GuestTextEncoder().encode(text)]).toEqual([...new TextEncoder().encode(text)])
      const [guest, node] = [new Uint8Array(5), new Uint8Array(5)]
      expect(new GuestTextEncoder().encodeInto(text, guest)).toEqual(new TextEncoder().encodeInto(text, node))
    }
  })

  it('is refused in an encoding that nobody knows', () =>
    expect(() => new GuestTextDecoder('nope')).toThrow(
      expect.objectContaining({ code: 'ERR_ENCODING_NOT_SUPPORTED' }),
    ))
})

describe('path', () => {
  const paths = [
    '',
    '.',
    '/',
    '//',
    'a',
    '/a/b/',
    'a/../b',
    '../../a',
    '/../a',
    'a//b/./c',
    'x.tar.gz',
    '.bashrc',
    '/a/.b.c',
    'a/b.',
    '..',
  ]
  it.each(['normalize', 'dirname', 'basename', 'extname', 'isAbsolute', 'parse', 'resolve'] as const)(
    'has %s',
    name => {
      for (const each of name === 'resolve' ? paths.map(one => `/base/${one}`) : paths)
        expect([each, path[name](each)]).toEqual([each, nodePath.posix[name](each)])
    },
  )

  it('has join, relative and format', () => {
    for (const a of paths)
      for (const b of paths) {
        expect([a, b, path.join(a, b)]).toEqual([a, b, nodePath.posix.join(a, b)])
        const [from, to] = [`/r/${a}`, `/r/${b}`]
        expect([a, b, path.relative(from, to)]).toEqual([a, b, nodePath.posix.relative(from, to)])
      }
    for (const each of paths)
      expect(path.format(path.parse(each))).toBe(nodePath.posix.format(nodePath.posix.parse(each)))
    expect(path.basename('/a/b.js', '.js')).toBe('b')
  })
})

describe('querystring and URLSearchParams', () => {
  const queries = [
    '',
    'a',
    'a=1&b=2',
    'a=1&a=2',
    '=x',
    'a=%20+%C3%A9',
    'a=%zz',
    '&&a&',
    'a=b=c',
    '?a=1',
    '__proto__=1',
  ]
  it('read queries', () => {
    for (const query of queries) {
      expect({ ...querystring.parse(query) }).toEqual({ ...nodeQuerystring.parse(query) })
      expect([...new GuestURLSearchParams(query)]).toEqual([...new URLSearchParams(query)])
      expect(String(new GuestURLSearchParams(query))).toBe(String(new URLSearchParams(query)))
    }
  })

  it('write queries', () => {
    const values = { a: 'x y', b: [1, 'é&='], c: true, d: null, "e!'()*~": '"' }
    expect(querystring.stringify(values)).toBe(nodeQuerystring.stringify(values as never))
    const pairs = Object.entries({ a: 'x y', b: 'é&=', "e!'()*~": '-._' })
    expect(String(new GuestURLSearchParams(pairs))).toBe(String(new URLSearchParams(pairs)))
  })

  it('change, and tell it', () => {
    const told: string[] = []
    const act = (params: URLSearchParams) => {
      params.append('c', '3')
      params.set('a', '9')
      params.delete('b')
      params.sort()
      return [
        [...params],
        params.get('a'),
        params.getAll('a'),
        params.has('c', '3'),
        params.size,
        params.get('x'),
      ]
    }
    const query = 'b=2&a=1&a=2'
    const params = new GuestURLSearchParams(query, text => told.push(text))
    expect(act(params as never)).toEqual(act(new URLSearchParams(query)))
    expect(told.at(-1)).toBe('a=9&c=3')
  })
})

describe('structuredClone', () => {
  const cyclic: Record<string, unknown> = {
    at: new Date(0),
    list: Object.assign(new Array(3), { 1: 'x' }),
    nothing: undefined,
  }
  cyclic.self = cyclic
  const values: [string, unknown][] = [
    ['what is plain', { a: [1, 'x', null, 1n, true] }],
    ['cycles', cyclic],
    ['collections', new Map<unknown, unknown>([[{ a: 1 }, new Set([1, [2]])]])],
    ['bytes', { a: new Uint8Array([1, 2]), b: new DataView(new ArrayBuffer(3), 1), c: new ArrayBuffer(2) }],
    ['patterns', /a+/gi],
    ['errors', new RangeError('out', { cause: 1 })],
    ['boxes', [Object(1), Object('x')]],
    [
      'classes, as plain objects',
      new (class Point {
        x = 1
      })(),
    ],
    ['functions', { run() {} }],
    ['symbols', Symbol('s')],
    ['promises', Promise.resolve()],
    ['weak maps', new WeakMap()],
  ]
  it.each(values)('treats %s as Node does', (_, value) =>
    same(
      () => guestClone(value),
      () => structuredClone(value),
    ),
  )

  it('makes no prototype of a key', () => {
    const clone = guestClone(JSON.parse('{"__proto__":{"isAdmin":true}}')) as { isAdmin?: boolean }
    expect(clone.isAdmin).toBeUndefined()
    expect(Object.keys(clone)).toEqual(['__proto__'])
  })
})

describe('util', () => {
  const values: unknown[] = [
    1,
    "it's",
    'a\nb\\\u0001',
    -0,
    'it\'s "x"',
    null,
    undefined,
    true,
    5n,
    Symbol('s'),
    [],
    {},
    [1, [2, [3, [4]]]],
    { a: { b: { c: { d: 1 } } } },
    new Map([['k', { v: 1 }]]),
    new Set([1]),
    new Date(0),
    /x/g,
    () => {},
    class A {},
    Object.create(null),
    new Uint8Array([1, 2]),
    {
      'a-b': 1,
      get x() {
        return 1
      },
    },
  ]
  it('shows values', () => {
    for (const value of values) expect(inspect(value)).toBe(nodeUtil.inspect(value))
  })

  it('formats', () => {
    for (const args of [
      ['%s %d %i %f', 'a', '1.5', '2.9', '3.5'],
      ['%j %O %%', { a: 1 }, [1]],
      ['%s'],
      ['a', 'b', { c: 1 }],
      [{ a: 1 }, '%s'],
      ['%x %s', 1, 2],
      ['100%', 1],
    ])
      expect(format(...args)).toBe(nodeUtil.format(...args))
  })

  it('compares', () => {
    const pairs: [unknown, unknown][] = [
      [{ a: [1] }, { a: [1] }],
      [{ a: 1 }, { a: '1' }],
      [
        [1, 2],
        [1, 2, 3],
      ],
      [new Map([[1, { a: 1 }]]), new Map([[1, { a: 1 }]])],
      [new Set([{ a: 1 }]), new Set([{ a: 1 }])],
      [new Date(0), new Date(0)],
      [new Date(0), new Date(1)],
      [/a/, /a/g],
      [NaN, NaN],
      [{ a: undefined }, {}],
      [new Error('a'), new Error('b')],
      [Object.create(null), {}],
      [new Uint8Array([1]), new Uint8Array([2])],
    ]
    for (const [a, b] of pairs)
      expect([a, b, isDeepEqual(a, b, true)]).toEqual([a, b, nodeUtil.isDeepStrictEqual(a, b)])
  })

  it('asserts', async () => {
    const acts: ((a: typeof assert) => unknown)[] = [
      a => a(1),
      a => a(0),
      a => a.equal(1, '1'),
      a => a.strictEqual(1, '1'),
      a => a.deepEqual([1], ['1']),
      a => a.notEqual(1, 1),
      a =>
        a.throws(() => {
          throw new TypeError('x')
        }, TypeError),
      a => a.throws(() => {}),
      a => a.match('abc', /b/),
      a => a.match('abc', /x/),
      a =>
        a.throws(
          () => {
            throw new Error('x')
          },
          { message: 'x' },
        ),
      a =>
        a.throws(() => {
          throw new Error('x')
        }, /y/),
      a => a.fail('no'),
      a => a.ifError(null),
    ]
    for (const act of acts) {
      const [guest, node] = [outcome(() => act(guestAssert as never)), outcome(() => act(assert))]
      expect([String(act), guest]).toEqual([String(act), node])
    }
    await guestAssert.rejects(Promise.reject(new Error('x')), /x/)
    await expect(guestAssert.rejects(Promise.resolve())).rejects.toMatchObject({ code: 'ERR_ASSERTION' })
  })
})

describe('events', () => {
  it('go to those who listen', async () => {
    const act = (Emitter: typeof EventEmitter) => {
      const heard: unknown[] = []
      const emitter = new Emitter()
      const handler = (...args: unknown[]) => heard.push(args)
      emitter.on('newListener', name => heard.push(`new ${String(name)}`))
      emitter.once('a', handler)
      emitter.prependListener('a', () => heard.push('first'))
      emitter.on('a', handler)
      emitter.emit('a', 1, 2)
      emitter.off('a', handler)
      return [heard, emitter.emit('a'), emitter.emit('b'), emitter.listenerCount('a'), emitter.eventNames()]
    }
    expect(act(events as never)).toEqual(act(EventEmitter))
    expect(() => new (events as never as typeof EventEmitter)().emit('error', new Error('loud'))).toThrow(
      'loud',
    )
    const old = function (this: object) {
      events.call(this)
    } as never as typeof EventEmitter
    Object.setPrototypeOf(old.prototype, events.prototype)
    expect(new old().on('x', () => {}).emit('x')).toBe(true)
    const late = new (events as never as typeof EventEmitter)()
    const first = events.once(late as never, 'x')
    late.emit('x', 5)
    expect(await first).toEqual([5])
  })

  it('abort', () => {
    const controller = new GuestAbortController()
    const heard: unknown[] = []
    controller.signal.onabort = () => heard.push('on')
    controller.signal.addEventListener('abort', () => heard.push('listener'), { once: true })
    const any = GuestAbortSignal.any([controller.signal])
    controller.abort('why')
    controller.abort('again')
    expect([heard, controller.signal.reason, any.reason]).toEqual([['on', 'listener'], 'why', 'why'])
    expect(() => controller.signal.throwIfAborted()).toThrow('why')
    expect(GuestAbortSignal.abort().reason).toMatchObject({ name: 'AbortError', code: 20 })
    const target = new GuestEventTarget()
    target.addEventListener('x', event => event.preventDefault())
    expect(target.dispatchEvent(new GuestEvent('x', { cancelable: true }))).toBe(false)
  })
})

describe('timers', () => {
  function start() {
    const clock = createFakeClock()
    const uncaught: unknown[] = []
    let stop = () => {}
    let asked = 0
    const timers = createTimers({
      now: clock.now,
      uncaught: thrown => uncaught.push(thrown),
      wake(ms) {
        asked += 1
        stop()
        stop = clock.after(ms, () => timers.woken())
      },
    })
    return { clock, uncaught, asked: () => asked, ...timers.globals, after: timers.after }
  }

  it('fire in their order, once or again', () => {
    const { clock, setTimeout, setInterval, clearInterval, after } = start()
    const fired: unknown[] = []
    setTimeout((value: unknown) => fired.push(value), 20, 'b')
    setTimeout(() => fired.push('a'), 10)
    const every = setInterval(() => fired.push('tick'), 15)
    const stop = after(12, () => fired.push('never'))
    stop()
    clock.advance(14)
    expect(fired).toEqual(['a'])
    clock.advance(20)
    expect(fired).toEqual(['a', 'tick', 'b', 'tick'])
    clearInterval(every)
    clock.advance(100)
    expect(fired.length).toBe(4)
    expect(clock.pending).toBe(0)
  })

  it('ask the host only where one is earlier than those before', () => {
    const { clock, asked, setTimeout, clearTimeout } = start()
    for (let n = 0; n < 100; n += 1) clearTimeout(setTimeout(() => {}, 60_000))
    setTimeout(() => {}, 5)
    expect(asked()).toBe(2)
    clock.advance(5)
    expect(clock.pending).toBe(0)
  })

  it('report what they throw and go on', () => {
    const { clock, uncaught, setTimeout } = start()
    const fired: string[] = []
    setTimeout(() => {
      throw new Error('thrown')
    }, 1)
    setTimeout(() => fired.push('after'), 2)
    clock.advance(2)
    expect([uncaught, fired]).toEqual([[new Error('thrown')], ['after']])
    expect(() => setTimeout('code' as never, 1)).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }),
    )
  })
})
