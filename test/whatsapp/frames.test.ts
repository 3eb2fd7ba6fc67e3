import { describe, expect, it } from 'vitest'
import { createFrameReader, frame } from './frames.ts'

const header = Buffer.from('WA\x06\x03')
const routing = Buffer.concat([Buffer.from('ED\x00\x01\x00\x00\x04'), Buffer.from([8, 8, 8, 5])])
const frames = [Buffer.from('one'), Buffer.alloc(300, 1), Buffer.alloc(0)]
const stream = Buffer.concat([header, ...frames.map(each => frame(each))])

describe('frame', () => {
  it('puts one length before a payload in parts', () => {
    expect(frame(Buffer.from('on'), Buffer.from('e'))).toEqual(frame(Buffer.from('one')))
  })
})

describe('createFrameReader', () => {
  it.each([
    ['in one piece', stream.length],
    ['byte by byte', 1],
    ['in pieces that fit nothing', 7],
  ])('gives the same frames when the stream comes %s', (_how, size) => {
    const reader = createFrameReader()
    const found: Buffer[] = []
    for (let start = 0; start < stream.length; start += size) {
      found.push(...reader.push(stream.subarray(start, start + size)))
    }
    expect(found).toEqual(frames)
    expect(reader.header).toEqual(header)
  })

  it('leaves routing information out of the header', () => {
    const reader = createFrameReader()
    const found = [...Buffer.concat([routing, stream])].flatMap(byte => reader.push(Buffer.from([byte])))
    expect(found).toEqual(frames)
    expect(reader.header).toEqual(header)
  })

  it('throws on another protocol', () => {
    expect(() => createFrameReader().push(Buffer.from('GET / HTTP/1.1'))).toThrow(
      'not a WhatsApp header: 47455420',
    )
  })
})
