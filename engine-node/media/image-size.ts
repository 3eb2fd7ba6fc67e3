// How large a picture is, from the head of its file: WhatsApp lays a message out by it before it shows the picture. Pure; the
// file may be anybody's, so whatever does not fit is no picture.

export interface PixelSize {
  width: number
  height: number
}

/** The frame header of a JPEG comes behind what cameras write about themselves, a thumbnail included. */
export const IMAGE_HEAD_BYTES = 256 * 1024

const sized = (width: number, height: number): PixelSize | null =>
  width > 0 && height > 0 ? { width, height } : null

const png = (head: Buffer) =>
  head.length >= 24 && head.toString('latin1', 12, 16) === 'IHDR'
    ? sized(head.readUInt32BE(16), head.readUInt32BE(20))
    : null

const gif = (head: Buffer) => (head.length >= 10 ? sized(head.readUInt16LE(6), head.readUInt16LE(8)) : null)

/** Segments one after the other, each with its length, until the one that begins a frame. */
function jpeg(head: Buffer): PixelSize | null {
  let isTurned = false
  for (let at = 2; at + 9 <= head.length; at += 2 + head.readUInt16BE(at + 2)) {
    if (head[at] !== 0xff) return null
    const marker = head[at + 1] ?? 0
    if (marker === 0xe1)
      isTurned = orientationOf(head.subarray(at + 4, at + 2 + head.readUInt16BE(at + 2))) >= 5
    // Start of frame, whatever the coding; C4, C8 and CC are tables.
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      const [height, width] = [head.readUInt16BE(at + 5), head.readUInt16BE(at + 7)]
      return isTurned ? sized(height, width) : sized(width, height)
    }
  }
  return null
}

/** Exif's word on how the camera was held; from 5 on the picture lies on its side. 1 where it says nothing. */
function orientationOf(exif: Buffer): number {
  if (exif.length < 14 || exif.toString('latin1', 0, 6) !== 'Exif\0\0') return 1
  const tiff = exif.subarray(6)
  const isLittle = tiff.toString('latin1', 0, 2) === 'II'
  const word = (at: number) =>
    at + 2 > tiff.length ? 0 : isLittle ? tiff.readUInt16LE(at) : tiff.readUInt16BE(at)
  const first = isLittle ? tiff.readUInt32LE(4) : tiff.readUInt32BE(4)
  for (let at = first + 2; at < first + 2 + 12 * word(first) && at + 12 <= tiff.length; at += 12)
    if (word(at) === 0x0112) return word(at + 8)
  return 1
}

function webp(head: Buffer): PixelSize | null {
  if (head.length < 30) return null
  switch (head.toString('latin1', 12, 16)) {
    case 'VP8 ':
      return sized(head.readUInt16LE(26) & 0x3fff, head.readUInt16LE(28) & 0x3fff)
    case 'VP8L': {
      const bits = head.readUInt32LE(21)
      return sized((bits & 0x3fff) + 1, ((bits >>> 14) & 0x3fff) + 1)
    }
    case 'VP8X':
      return sized(head.readUIntLE(24, 3) + 1, head.readUIntLE(27, 3) + 1)
    default:
      return null
  }
}

/** In pixels, as it is shown; null for what is no PNG, JPEG, WebP or GIF. */
export function imageSize(head: Buffer): PixelSize | null {
  if (head.subarray(0, 8).equals(Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'))) return png(head)
  if (head[0] === 0xff && head[1] === 0xd8) return jpeg(head)
  if (/^GIF8[79]a/.test(head.toString('latin1', 0, 6))) return gif(head)
  if (/^RIFF....WEBP/s.test(head.toString('latin1', 0, 12))) return webp(head)
  return null
}
