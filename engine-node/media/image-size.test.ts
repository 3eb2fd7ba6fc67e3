import { describe, expect, it } from 'vitest'
import { imageSize } from './image-size.ts'

const bytes = (...parts: (string | number[])[]) =>
  Buffer.concat(
    parts.map(part => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part))),
  )
const PNG = '\x89PNG\r\n\x1a\n'
const frame = [0xff, 0xc0, 0, 17, 8, 0x01, 0x00, 0x02, 0x00, 3]
const orientation = (value: number) =>
  bytes([0xff, 0xe1, 0, 34], 'Exif\0\0II*\0', [
    8,
    0,
    0,
    0,
    1,
    0,
    0x12,
    1,
    3,
    0,
    1,
    0,
    0,
    0,
    value,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
  ])

describe('imageSize', () => {
  it.each<[string, Buffer, [number, number]]>([
    ['a PNG', bytes(PNG, [0, 0, 0, 13], 'IHDR', [0, 0, 1, 44, 0, 0, 0, 200, 8, 6]), [300, 200]],
    ['a GIF', bytes('GIF89a', [0x2c, 1, 200, 0]), [300, 200]],
    ['a JPEG', bytes([0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2], frame), [512, 256]],
    ['a JPEG on its side', Buffer.concat([bytes([0xff, 0xd8]), orientation(6), bytes(frame)]), [256, 512]],
    ['a JPEG upside down', Buffer.concat([bytes([0xff, 0xd8]), orientation(3), bytes(frame)]), [512, 256]],
    ['a WebP', bytes('RIFF....WEBPVP8 ', [0, 0, 0, 0, 0, 0, 0, 0x9d, 1, 0x2a, 0x2c, 1, 200, 0]), [300, 200]],
    [
      'a WebP without loss',
      bytes('RIFF....WEBPVP8L', [0, 0, 0, 0, 0x2f, 0x2b, 0xc1, 0x31, 0, 0, 0, 0, 0, 0]),
      [300, 200],
    ],
    ['a large WebP', bytes('RIFF....WEBPVP8X', [0, 0, 0, 0, 0, 0, 0, 0, 0x2b, 1, 0, 199, 0, 0]), [300, 200]],
  ])('of %s', (_what, head, [width, height]) => expect(imageSize(head)).toEqual({ width, height }))

  it.each<[string, Buffer]>([
    ['nothing', Buffer.alloc(0)],
    ['a text', Buffer.from('hello, this is no picture at all, whatever its name says')],
    ['half a PNG', bytes(PNG, [0, 0])],
    ['a PNG of no width', bytes(PNG, [0, 0, 0, 13], 'IHDR', [0, 0, 0, 0, 0, 0, 0, 200])],
    ['a JPEG without a frame', bytes([0xff, 0xd8, 0xff, 0xe0, 0, 2, 0, 0, 0, 0, 0, 0])],
    ['a JPEG whose segment goes nowhere', bytes([0xff, 0xd8, 0xff, 0xe1, 0xff, 0xff], 'x'.repeat(40))],
    ['a WebP of an unknown kind', bytes('RIFF....WEBPVP9 ', Array<number>(20).fill(1))],
  ])('is not known of %s', (_what, head) => expect(imageSize(head)).toBeNull())
})
