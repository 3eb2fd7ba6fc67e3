import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/contract/errors.ts'
import { sealMedia } from '../../test/whatsapp/media-seal.ts'
import type { FetchRequest } from '../net/request.ts'
import { createMediaDownload } from './media-download.ts'
import type { MediaRef } from './media-ref.ts'

const plain = randomBytes(500)
const { file, mediaKey, fileSha256, fileEncSha256 } = sealMedia(plain, 'Image')
const ref: MediaRef = {
  kind: 'image',
  mimetype: 'image/jpeg',
  filename: null,
  bytes: 500,
  mediaKey,
  sha256: fileSha256,
  encSha256: fileEncSha256,
  directPath: '/v/t62/1.enc?oh=1',
  url: 'https://mmg.whatsapp.net/v/t62/1.enc?oh=1',
  look: {},
}

function setUp(answer: { status?: number; error?: GatewayError; file?: Uint8Array } = {}) {
  const asked: FetchRequest[] = []
  const stored: Buffer[] = []
  const download = createMediaDownload({
    maxBytes: 1_000,
    allowedHosts: ['127.0.0.1:4443'],
    fetchOf: async () => async request => {
      asked.push(request)
      const { status = 200 } = answer
      if (answer.error) throw answer.error
      if (status === 200)
        await request.sink?.(
          (async function* () {
            yield answer.file ?? file
          })(),
        )
      return { status, statusText: '', headers: {}, body: new Uint8Array(), sha256: null, url: request.url }
    },
    store: {
      async put(chunks) {
        const parts: Uint8Array[] = []
        for await (const chunk of chunks) parts.push(chunk)
        stored.push(Buffer.concat(parts))
        return { hash: 'h', bytes: 500 }
      },
    },
  })
  return { download, asked, stored }
}

describe('media-download', () => {
  it('fetches, opens and stores a file', async () => {
    const { download, asked, stored } = setUp()
    expect(await download('s', ref)).toEqual({ outcome: 'stored', file: { hash: 'h', bytes: 500 } })
    expect(stored).toEqual([plain])
    expect(asked[0]).toMatchObject({ url: ref.url, hosts: ['mmg.whatsapp.net'], httpsOnly: true })
    expect(asked[0]?.redirects ?? 0).toBe(0)
  })

  const DEFAULT = 'https://mmg.whatsapp.net/v/t62/1.enc?oh=1'
  it.each([
    [
      "WhatsApp's other hosts",
      'https://media-fra3-1.cdn.whatsapp.net/x',
      'https://media-fra3-1.cdn.whatsapp.net/v/t62/1.enc?oh=1',
    ],
    ['the hosts of the operator', 'https://127.0.0.1:4443/x', 'https://127.0.0.1:4443/v/t62/1.enc?oh=1'],
    ['no strange host', 'https://evil.example/x', DEFAULT],
    ['no host that only looks like one', 'https://whatsapp.net.evil.example/x', DEFAULT],
    ['no suffix', 'https://evilwhatsapp.net/x', DEFAULT],
    ['no other port', 'https://mmg.whatsapp.net:8443/x', DEFAULT],
    ['no plain http', 'http://media.whatsapp.net/x', DEFAULT],
    ['no credentials', 'https://a:b@media.whatsapp.net/x', DEFAULT],
    ['no machine of ours', 'https://127.0.0.1/x', DEFAULT],
    ['no text that is no URL', 'nonsense', DEFAULT],
  ])('follows %s', async (_what, url, expected) => {
    const { download, asked } = setUp()
    await download('s', { ...ref, url })
    expect(asked.map(request => request.url)).toEqual([expected])
  })

  it.each([
    ['a path without a slash', { directPath: '@evil.example/x' }],
    ['a path that is a host', { directPath: '//evil.example/x' }],
    ['a path with a space', { directPath: '/a b' }],
    ['only a strange URL', { directPath: null, url: 'https://evil.example/x' }],
    ['a length above the cap', { bytes: 1_001 }],
  ])('asks nobody for %s', async (_what, other) => {
    const { download, asked } = setUp()
    expect(await download('s', { ...ref, ...other })).toMatchObject({ outcome: 'refused' })
    expect(asked).toEqual([])
  })

  it.each([
    ['gone', { status: 404 }],
    ['gone', { status: 410 }],
    ['gone', { status: 403 }],
    ['failed', { status: 500 }],
    ['failed', { status: 302 }],
    ['failed', { error: new GatewayError('transport_failed', 'no') }],
    ['failed', { file: Buffer.concat([file.subarray(0, 40), Buffer.from([1]), file.subarray(41)]) }],
    ['refused', { error: new GatewayError('transport_failed', 'large', { details: { maxBytes: 1 } }) }],
  ] as const)('is %s after %j', async (outcome, answer) => {
    const { download } = setUp(answer)
    expect(await download('s', ref)).toMatchObject({ outcome, why: expect.any(String) })
  })

  it('does not hide a fault of ours', async () => {
    const { download } = setUp({ error: new TypeError('bug') as GatewayError })
    await expect(download('s', ref)).rejects.toThrow('bug')
  })
})
