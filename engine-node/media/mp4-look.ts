// How large a film in MP4 is and how long it plays, from the boxes that say so (ISO/IEC 14496-12). The file may be anybody's:
// what does not fit says nothing.
import type { PixelSize } from './image-size.ts'

/** Boxes that are looked at, all levels together: a film has a dozen before it says what it is. */
const MAX_BOXES = 200

/** Of a box that is read: the longest head of one here. */
const MAX_READ = 128

/** Bytes of a file from a place on; fewer at its end. */
export type ReadAt = (from: number, bytes: number) => Promise<Buffer>

interface Box {
  type: string
  /** Of what is in it. */
  from: number
  to: number
}

export interface FilmLook extends Partial<PixelSize> {
  seconds?: number
}

/** Empty where the file is no MP4, or says none of it. `size` is the file's. */
export async function mp4Look(read: ReadAt, size: number): Promise<FilmLook> {
  let left = MAX_BOXES

  async function* boxes(from: number, to: number): AsyncGenerator<Box> {
    for (let at = from; at + 8 <= to; ) {
      left -= 1
      if (left < 0) return
      const head = await read(at, 16)
      if (head.length < 8) return
      const short = head.readUInt32BE(0)
      const isLong = short === 1 && head.length === 16
      const length = isLong ? Number(head.readBigUInt64BE(8)) : short === 0 ? to - at : short
      const start = at + (isLong ? 16 : 8)
      const end = at + length
      if (end < start || end > to) return
      yield { type: head.toString('latin1', 4, 8), from: start, to: end }
      at = end
    }
  }

  async function find(type: string, from: number, to: number): Promise<Box | null> {
    for await (const box of boxes(from, to)) if (box.type === type) return box
    return null
  }

  const film = await find('moov', 0, size)
  const look: FilmLook = {}
  if (film === null) return look
  for await (const { type, from, to } of boxes(film.from, film.to)) {
    if (type === 'mvhd') Object.assign(look, secondsOf(await read(from, Math.min(to - from, MAX_READ))))
    if (type !== 'trak' || look.width !== undefined) continue
    const head = await find('tkhd', from, to)
    if (head) Object.assign(look, sizeOf(await read(head.from, Math.min(head.to - head.from, MAX_READ))))
  }
  return look
}

/** Of an `mvhd`: how many units make a second, and how many there are. */
function secondsOf(box: Buffer): { seconds?: number } {
  const isLong = box[0] === 1
  if (box.length < (isLong ? 32 : 20)) return {}
  const scale = box.readUInt32BE(isLong ? 20 : 12)
  const units = isLong ? Number(box.readBigUInt64BE(24)) : box.readUInt32BE(16)
  const seconds = Math.round(units / scale)
  return scale > 0 && seconds < 1_000_000 ? { seconds: Math.max(1, seconds) } : {}
}

/** Of a `tkhd`, whose last words are a matrix and the size in 16.16; a track of sound has none. */
function sizeOf(box: Buffer): Partial<PixelSize> {
  const at = box[0] === 1 ? 52 : 40
  if (box.length < at + 44) return {}
  const [width, height] = [box.readUInt32BE(at + 36) >>> 16, box.readUInt32BE(at + 40) >>> 16]
  if (width === 0 || height === 0) return {}
  // Turned by a quarter, as phones write films that were held upright.
  const isTurned = box.readInt32BE(at) === 0 && box.readInt32BE(at + 16) === 0
  return isTurned ? { width: height, height: width } : { width, height }
}
