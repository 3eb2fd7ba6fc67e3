import { describe, expect, it } from 'vitest'
import { oggSeconds } from './ogg-seconds.ts'

function page(samples: bigint, body = 'x'.repeat(40)): Buffer {
  const head = Buffer.alloc(27)
  head.write('OggS')
  head.writeBigInt64LE(samples, 6)
  return Buffer.concat([head, Buffer.from(body)])
}

describe('oggSeconds', () => {
  it.each<[string, Buffer, number | null]>([
    ['the last page', Buffer.concat([page(0n), page(48_000n), page(48_000n * 7n + 9n)]), 7],
    ['the last page on which a packet ends', Buffer.concat([page(96_000n), page(-1n)]), 2],
    [
      'a page that only looks like one behind it',
      Buffer.concat([page(48_000n * 3n), Buffer.from('OggS\u0001')]),
      3,
    ],
    ['something very short', page(10n), 1],
    ['no Ogg', Buffer.from('ID3 and so on'), null],
    ['a page that is cut off', Buffer.from('OggS'), null],
    ['nothing', Buffer.alloc(0), null],
  ])('of %s', (_what, tail, seconds) => expect(oggSeconds(tail)).toBe(seconds))
})
