// A plugin's archive from a URL: where it may come from, and the pin that says which bytes it must be.
import { GatewayError } from '../../src/contract/errors.ts'
import type { GuardedFetch } from '../net/guarded-fetch.ts'
import { MAX_REDIRECTS } from '../net/request.ts'
import { archiveLimits } from './archive.ts'

/** OpenWA's bound for a download, redirects and all. */
const DOWNLOAD_TIMEOUT_MS = 30_000

const PIN = /^sha256=([0-9a-f]{64})$/i

export type Download = (url: string) => Promise<Uint8Array>

/**
 * Fetches an archive from `https://host/plugin.zip#sha256=<64 hex>`. The pin may be left out where `requirePin` is off
 * and the URL is https. Rejects with `pin_invalid`, `download_failed` or `address_blocked`.
 */
export function createDownload(deps: { fetch: GuardedFetch; requirePin: boolean }): Download {
  return async text => {
    const at = text.indexOf('#')
    const url = at < 0 ? text : text.slice(0, at)
    const pin = readPin(at < 0 ? null : text.slice(at + 1))
    if (pin === null && deps.requirePin)
      throw refused('The URL must end with #sha256= and the SHA-256 of the archive in hex')
    if (pin === null && !/^https:/i.test(url))
      throw refused('Over http the URL must end with #sha256= and the SHA-256 of the archive in hex')
    const { status, body, sha256 } = await fetchArchive(url)
    if (status !== 200) throw new GatewayError('download_failed', `The server answered ${status}`)
    if (pin !== null && pin !== sha256)
      throw refused('The archive is not the one that the pin names: its SHA-256 differs')
    return body
  }

  async function fetchArchive(url: string) {
    try {
      return await deps.fetch({
        url,
        headers: { accept: 'application/zip, application/octet-stream, */*' },
        hosts: 'any-public',
        redirects: MAX_REDIRECTS,
        timeoutMs: DOWNLOAD_TIMEOUT_MS,
        maxBytes: archiveLimits.archiveBytes,
        sha256: true,
      })
    } catch (cause) {
      if (!(cause instanceof GatewayError) || cause.code !== 'transport_failed') throw cause
      throw new GatewayError('download_failed', `The archive could not be downloaded: ${cause.message}`, {
        cause,
      })
    }
  }
}

function readPin(fragment: string | null): string | null {
  if (fragment === null) return null
  const pin = PIN.exec(fragment)?.[1]
  if (pin === undefined) throw refused('The pin must be #sha256= and 64 hex digits')
  return pin.toLowerCase()
}

const refused = (message: string) => new GatewayError('pin_invalid', message)
