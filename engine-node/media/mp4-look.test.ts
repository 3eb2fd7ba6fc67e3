import { describe, expect, it } from 'vitest'
import { mp4Look } from './mp4-look.ts'

const box = (type: string, ...content: Uint8Array[]) => {
  const head = Buffer.alloc(8)
  const inner = Buffer.concat(content)
  head.writeUInt32BE(inner.length + 8)
  head.write(type, 4)
  return Buffer.concat([head, inner])
}
const words = (...values: number[]) => {
  const all = Buffer.alloc(values.length * 4)
  for (const [index, value] of values.entries()) all.writeInt32BE(value, index * 4)
  return all
}
const mvhd = (scale: number, units: number) => box('mvhd', words(0, 0, 0, scale, units))
const upright = [0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000]
const turned = [0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000]
const track = (matrix: number[], width: number, height: number) =>
  box('trak', box('tkhd', words(0, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...matrix, width << 16, height << 16)))
const look = (file: Buffer) => mp4Look(async (from, bytes) => file.subarray(from, from + bytes), file.length)

describe('mp4Look', () => {
  const film = [mvhd(1_000, 12_600), track(upright, 0, 0), track(upright, 640, 360)]

  it('reads size and length, wherever they stand', async () => {
    const [ftyp, moov, mdat] = [
      box('ftyp', Buffer.alloc(8)),
      box('moov', ...film),
      box('mdat', Buffer.alloc(5_000)),
    ]
    const wanted = { seconds: 13, width: 640, height: 360 }
    expect(await look(Buffer.concat([ftyp, moov, mdat]))).toEqual(wanted)
    expect(await look(Buffer.concat([ftyp, mdat, moov]))).toEqual(wanted)
  })

  it('shows what was filmed upright as upright', async () => {
    expect(await look(box('moov', track(turned, 640, 360)))).toEqual({ width: 360, height: 640 })
  })

  it.each<[string, Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['no film', Buffer.from('RIFF and so on, for as long as it takes')],
    ['a box that is longer than the file', box('moov', ...film).subarray(0, 40)],
    [
      'boxes without an end',
      Buffer.concat(Array.from({ length: 300 }, () => box('free')).concat(box('moov', ...film))),
    ],
    ['no units in a second', box('moov', mvhd(0, 5))],
  ])('says nothing of %s', async (_what, file) => expect(await look(file)).toEqual({}))
})
