import { describe, expect, it } from 'vitest'
import { MAX_FRAME_BYTES } from '../../src/contract/frame-size.ts'
import { createFrameReader } from './frame-reader.ts'

function framed(text: string): Buffer {
  const body = Buffer.from(text)
  const prefix = Buffer.alloc(4)
  prefix.writeUInt32BE(body.length)
  return Buffer.concat([prefix, body])
}
const texts = ['a', 'é'.repeat(40), '{}', 'x'.repeat(300), 'end']
const stream = Buffer.concat(texts.map(framed))

describe('createFrameReader', () => {
  it.each([1, 2, 3, 4, 5, 7, 64, stream.length])('cuts the same texts from chunks of %i bytes', size => {
    const got: string[] = []
    const reader = createFrameReader(text => got.push(text) > 0)
    for (let at = 0; at < stream.length; at += size) reader.take(stream.subarray(at, at + size))
    expect(got).toEqual(texts)
  })

  it('stops in the middle of a chunk when told to', () => {
    const got: string[] = []
    createFrameReader(text => got.push(text) < 2).take(stream)
    expect(got).toHaveLength(2)
  })

  it.each([0, MAX_FRAME_BYTES + 1, 0xffffffff])(
    'refuses a length of %i by the prefix, whole or in parts',
    length => {
      const prefix = Buffer.alloc(4)
      prefix.writeUInt32BE(length)
      const refusal = expect.objectContaining({ code: 'plugin_misbehaved' })
      expect(() => createFrameReader(() => true).take(prefix)).toThrow(refusal)
      const reader = createFrameReader(() => true)
      reader.take(prefix.subarray(0, 1))
      expect(() => reader.take(prefix.subarray(1))).toThrow(refusal)
    },
  )
})
