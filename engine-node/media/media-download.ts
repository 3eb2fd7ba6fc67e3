// Gets a message's file from WhatsApp's media host into the store. The message was written by a stranger, so its URL is
// followed to WhatsApp's own hosts only.
import { GatewayError } from '../../src/contract/errors.ts'
import type { GuardedFetch } from '../net/guarded-fetch.ts'
import type { MediaRef } from './media-ref.ts'
import { openMedia } from './media-seal.ts'
import type { MediaStore, StoredFile } from './media-store.ts'

/**
 * What became of a try. `gone`: the host has it no more, and the phone may. `failed`: another try may help. `refused`: none
 * will, as it is too large or not what the message names.
 */
export type DownloadVerdict =
  | { outcome: 'stored'; file: StoredFile }
  | { outcome: 'gone' | 'failed' | 'refused'; why: string }

export type MediaDownload = (sessionId: string, ref: MediaRef) => Promise<DownloadVerdict>

const DEFAULT_HOST = 'mmg.whatsapp.net'
const OURS = /^([a-z0-9-]+\.)+whatsapp\.net$/

/** For a whole file, over a slow line. */
const TIMEOUT_MS = 120_000

/** The code behind a file, and the padding of its last block. */
const SEAL_BYTES = 64

/** What the host answers for a file that it has dropped, or whose address has expired. */
const GONE: ReadonlySet<number> = new Set([403, 404, 410])

/** `allowedHosts` are hosts besides WhatsApp's that files may come from, as `host:port`: those of the operator's tests. */
export function createMediaDownload(deps: {
  /** How a session reaches WhatsApp's hosts. */
  fetchOf(sessionId: string): Promise<GuardedFetch>
  store: Pick<MediaStore, 'put'>
  maxBytes: number
  allowedHosts: readonly string[]
}): MediaDownload {
  const { fetchOf, store, maxBytes, allowedHosts } = deps

  /** The host that a message names counts where it is WhatsApp's; the path is what matters. */
  function addressOf({ url, directPath }: MediaRef): { host: string; url: string } | null {
    const named = url !== null && URL.canParse(url) ? new URL(url) : null
    const isOurs =
      named?.protocol === 'https:' &&
      named.username === '' &&
      ((OURS.test(named.hostname) && named.port === '') || allowedHosts.includes(named.host))
    const host = isOurs ? named.host : DEFAULT_HOST
    const path = directPath ?? (isOurs ? `${named.pathname}${named.search}` : null)
    if (path === null || !/^\/[^\s\\]*$/.test(path) || path.startsWith('//')) return null
    return { host, url: `https://${host}${path}` }
  }

  return async (sessionId, ref) => {
    if (ref.bytes !== null && ref.bytes > maxBytes) return refused(`it is larger than ${maxBytes} bytes`)
    const address = addressOf(ref)
    if (address === null) return refused('its address is not one of WhatsApp')
    const kept: { file?: StoredFile } = {}
    try {
      const fetch = await fetchOf(sessionId)
      const { status } = await fetch({
        url: address.url,
        hosts: [address.host],
        headers: { origin: 'https://web.whatsapp.com' },
        httpsOnly: true,
        timeoutMs: TIMEOUT_MS,
        maxBytes: maxBytes + SEAL_BYTES,
        async sink(chunks) {
          kept.file = await store.put(openMedia(chunks, ref), { maxBytes })
        },
      })
      if (kept.file) return { outcome: 'stored', file: kept.file }
      const why = `the media host answered ${status}`
      return { outcome: GONE.has(status) ? 'gone' : 'failed', why }
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      const tooLarge = error.code === 'body_too_large' || error.details.maxBytes !== undefined
      return tooLarge ? refused(error.message) : { outcome: 'failed', why: error.message }
    }
  }
}

const refused = (why: string): DownloadVerdict => ({ outcome: 'refused', why })
