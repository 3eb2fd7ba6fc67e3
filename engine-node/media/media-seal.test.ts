import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { openMedia as openElsewhere, sealMedia as sealElsewhere } from '../../test/whatsapp/media-seal.ts'
import { openMedia, sealMedia } from './media-seal.ts'

async function* inPieces(bytes: Uint8Array, size: number) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function all(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const part of chunks) parts.push(part)
  return Buffer.concat(parts)
}

const kinds = { Image: 'image', Video: 'video', Audio: 'audio', Document: 'document' } as const

describe('media-seal', () => {
  it.each([
    ['Image', 1_000, 7],
    ['Video', 100_000, 16_384],
    ['Audio', 16, 16],
    ['Document', 1, 1],
    ['Image', 4_096, 3],
  ] as const)('opens what a phone has sealed: %s of %i bytes in pieces of %i', async (kind, length, size) => {
    const plain = randomBytes(length)
    const { file, mediaKey, fileSha256 } = sealElsewhere(plain, kind)
    const opened = openMedia(inPieces(file, size), { mediaKey, kind: kinds[kind], sha256: fileSha256 })
    expect(await all(opened)).toEqual(plain)
  })

  it('seals what a phone can open, and tells its digests', async () => {
    const plain = randomBytes(70_001)
    const mediaKey = randomBytes(32)
    const sealing = sealMedia(inPieces(plain, 1_000), mediaKey, 'document')
    const parts: Buffer[] = []
    let step = await sealing.next()
    for (; !step.done; step = await sealing.next()) parts.push(step.value)
    const file = Buffer.concat(parts)
    expect(openElsewhere(file, 'Document', mediaKey)).toEqual(plain)
    expect(step.value.bytes).toBe(70_001)
    expect(step.value).toMatchObject({
      sha256: expect.any(Buffer),
      encSha256: expect.any(Buffer),
    })
    expect(file.length).toBeGreaterThan(plain.length)
  })

  it.each([
    [
      'a changed byte',
      (file: Buffer) => {
        file[20]! ^= 1
        return file
      },
    ],
    ['a missing end', (file: Buffer) => file.subarray(0, -16)],
    ['a missing start', (file: Buffer) => file.subarray(16)],
    ['nothing', () => Buffer.alloc(0)],
    ['something behind it', (file: Buffer) => Buffer.concat([file, Buffer.alloc(16)])],
  ])('refuses %s', async (_what, spoil) => {
    const { file, mediaKey, fileSha256 } = sealElsewhere(randomBytes(500), 'Image')
    const opened = openMedia(inPieces(spoil(Buffer.from(file)), 50), {
      mediaKey,
      kind: 'image',
      sha256: fileSha256,
    })
    await expect(all(opened)).rejects.toMatchObject({ code: 'transport_failed' })
  })

  it.each([
    ['another key', { mediaKey: randomBytes(32) }],
    ['another kind', { kind: 'video' as const }],
    ['another digest', { sha256: randomBytes(32) }],
    ['a digest of no length', { sha256: new Uint8Array() }],
  ])('refuses %s', async (_what, other) => {
    const { file, mediaKey, fileSha256 } = sealElsewhere(randomBytes(500), 'Image')
    const ref = { mediaKey, kind: 'image' as const, sha256: fileSha256, ...other }
    await expect(all(openMedia(inPieces(file, 50), ref))).rejects.toMatchObject({ code: 'transport_failed' })
  })
})
