// The same inputs to Node's zlib and to that of isolates: each must read what the other wrote, and refuse the same.
import { randomBytes } from 'node:crypto'
import { pipeline } from 'node:stream/promises'
import nodeZlib from 'node:zlib'
import { describe, expect, it } from 'vitest'
import * as ours from './zlib.ts'

const zlib = { ...ours }

const texts: [string, Buffer][] = [
  ['nothing', Buffer.alloc(0)],
  ['a word', Buffer.from('Wharf')],
  ['much of the same', Buffer.from('abcdefgh'.repeat(20_000))],
  ['noise', randomBytes(100_000)],
]
const pairs = [
  ['deflateSync', 'inflateSync'],
  ['gzipSync', 'gunzipSync'],
  ['deflateRawSync', 'inflateRawSync'],
  ['gzipSync', 'unzipSync'],
  ['deflateSync', 'unzipSync'],
] as const

describe.each(pairs)('%s and %s', (pack, unpack) => {
  it.each(texts)('of %s', (_what, data) => {
    expect(Buffer.from(nodeZlib[unpack](zlib[pack](data))).equals(data)).toBe(true)
    expect(zlib[unpack](nodeZlib[pack](data)).equals(data)).toBe(true)
  })
  it('with options', () => {
    const options = { level: 9, windowBits: 12, memLevel: 3, chunkSize: 64 }
    const data = Buffer.from('to be or not to be '.repeat(500))
    expect(nodeZlib[unpack](zlib[pack](data, options)).equals(data)).toBe(true)
    expect(zlib[unpack](nodeZlib[pack](data, options), { chunkSize: 100 }).equals(data)).toBe(true)
  })
})

describe('what cannot be unpacked', () => {
  const packed = nodeZlib.gzipSync('the quick brown fox')
  const broken: [string, (of: typeof nodeZlib | typeof zlib) => unknown][] = [
    ['is no gzip', of => of.gunzipSync(Buffer.from('no gzip at all'))],
    ['is no deflate', of => of.inflateSync(Buffer.from('no deflate'))],
    ['is cut off', of => of.gunzipSync(packed.subarray(0, 20))],
    ['is empty', of => of.gunzipSync(Buffer.alloc(0))],
    ['has the wrong checksum', of => of.gunzipSync(Buffer.concat([packed.subarray(0, -8), Buffer.alloc(8)]))],
    ['has something behind it', of => of.gunzipSync(Buffer.concat([packed, Buffer.from('x')]))],
    ['is too long', of => of.gunzipSync(nodeZlib.gzipSync(Buffer.alloc(1_000)), { maxOutputLength: 999 })],
    [
      'needs a dictionary',
      of => of.inflateSync(nodeZlib.deflateSync('abcabc', { dictionary: Buffer.from('abc') })),
    ],
    [
      'needs another dictionary',
      of =>
        of.inflateSync(nodeZlib.deflateSync('abcabc', { dictionary: Buffer.from('abc') }), {
          dictionary: Buffer.from('abd'),
        }),
    ],
    ['is a number', of => of.gzipSync(7 as never)],
    ['is asked for with a level that there is not', of => of.gzipSync('x', { level: 10 })],
  ]
  it.each(broken)('%s fails as in Node', (_what, run) => {
    const outcome = (of: typeof nodeZlib | typeof zlib) => {
      try {
        return run(of)
      } catch (error) {
        const { name, code, errno } = error as { name: string; code: string; errno?: number }
        return { name, code, errno }
      }
    }
    expect(outcome(nodeZlib)).toHaveProperty('code')
    expect(outcome(zlib)).toEqual(outcome(nodeZlib))
  })
})

describe('what is around the data', () => {
  it('may be several files, and zeros behind them', () => {
    const two = Buffer.concat([nodeZlib.gzipSync('one '), nodeZlib.gzipSync('two'), Buffer.alloc(3)])
    expect(String(zlib.gunzipSync(two))).toBe('one two')
    expect(String(zlib.unzipSync(two))).toBe('one two')
  })
  it('may be a dictionary', () => {
    const dictionary = Buffer.from('the words that come often')
    for (const [pack, unpack] of [
      ['deflateSync', 'inflateSync'],
      ['deflateRawSync', 'inflateRawSync'],
    ] as const) {
      const packed = zlib[pack]('words that come', { dictionary })
      expect(String(nodeZlib[unpack](packed, { dictionary }))).toBe('words that come')
      expect(String(zlib[unpack](packed, { dictionary }))).toBe('words that come')
    }
  })
})

it('answers callbacks later, and with what went wrong', async () => {
  const packed = await new Promise<Buffer>((resolve, reject) =>
    zlib.gzip('x', (error, result) => (error ? reject(error) : resolve(result as Buffer))),
  )
  expect(String(nodeZlib.gunzipSync(packed))).toBe('x')
  const failed = new Promise((resolve, reject) =>
    zlib.gunzip('no gzip', {}, (error, result) => (error ? reject(error) : resolve(result))),
  )
  await expect(failed).rejects.toMatchObject({ code: 'Z_DATA_ERROR' })
  expect(() => zlib.gzip('x', undefined as never)).toThrow(/callback/)
})

describe('streams', () => {
  const through = async (data: Buffer, ...streams: NodeJS.ReadWriteStream[]) => {
    const pieces: Buffer[] = []
    await pipeline([
      async function* () {
        for (let at = 0; at < data.length; at += 1_000) yield data.subarray(at, at + 1_000)
      },
      ...streams,
      async (source: AsyncIterable<Buffer>) => {
        for await (const piece of source) pieces.push(piece)
      },
    ] as never)
    return Buffer.concat(pieces)
  }
  it.each(texts)('carry %s', async (_what, data) => {
    const packed = await through(data, zlib.createGzip())
    expect(nodeZlib.gunzipSync(packed).equals(data)).toBe(true)
    expect((await through(packed, zlib.createGunzip())).equals(data)).toBe(true)
    expect((await through(data, zlib.createDeflateRaw(), nodeZlib.createInflateRaw())).equals(data)).toBe(
      true,
    )
  })
  it('end with what is wrong', async () => {
    await expect(through(Buffer.from('no gzip'), zlib.createGunzip())).rejects.toMatchObject({
      code: 'Z_DATA_ERROR',
    })
    const cut = nodeZlib.gzipSync(randomBytes(9_000)).subarray(0, 5_000)
    await expect(through(cut, zlib.createGunzip())).rejects.toMatchObject({ code: 'Z_BUF_ERROR' })
    const bomb = nodeZlib.gzipSync(Buffer.alloc(1_000_000))
    await expect(through(bomb, zlib.createGunzip({ maxOutputLength: 10_000 }))).rejects.toMatchObject({
      code: 'ERR_BUFFER_TOO_LARGE',
    })
  })
  it('give what they have when they are asked to', async () => {
    const stream = zlib.createDeflate()
    const heard: Buffer[] = []
    stream.on('data', piece => heard.push(piece))
    stream.write('half a message')
    await new Promise<void>(resolve => stream.flush(zlib.constants.Z_SYNC_FLUSH, resolve))
    const packed = Buffer.concat(heard)
    const { Z_SYNC_FLUSH } = nodeZlib.constants
    expect(String(nodeZlib.inflateSync(packed, { finishFlush: Z_SYNC_FLUSH }))).toBe('half a message')
    await new Promise<void>(resolve => stream.close(resolve))
    expect(stream.bytesWritten).toBe(14)
  })
})

it('counts as gzip does', () => {
  for (const [, data] of texts) expect(zlib.crc32(data)).toBe(nodeZlib.crc32(data))
  expect(zlib.crc32('b', zlib.crc32('a'))).toBe(nodeZlib.crc32('ab'))
})
