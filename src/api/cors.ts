// Which web pages of other origins may call the API.

import { GatewayError } from '../contract/errors.ts'
import { REPLAYED_HEADER } from './idempotency.ts'
import type { RateWindow } from './rate-limit.ts'
import { rateLimitHeaders } from './rate-limit.ts'

/** Seconds for which a browser may remember the answer to a preflight: a day. */
const MAX_AGE_SECONDS = 86_400

export interface Cors {
  /** Adds to the headers of an answer what its origin may know; keys travel in headers, so credentials are never allowed. */
  allow(request: Headers, headers: Record<string, string>): void
  /** Throws `forbidden` for a page of another origin: browsers open sockets to anywhere, and ask nobody. */
  refuseForeign(request: Headers): void
  /** The headers that a preflight asks for, besides those. */
  preflight: Readonly<Record<string, string>>
}

/** OpenWA's reading of the setting: nothing set means any origin, but in production, where a wildcard too means none. */
export function effectiveOrigins(listed: readonly string[], production: boolean): string[] {
  if (production) return listed.filter(origin => origin !== '*')
  return listed.length === 0 ? ['*'] : [...listed]
}

export function createCors(origins: readonly string[], windows: readonly RateWindow[]): Cors {
  const any = origins.includes('*')
  const exposed = [...rateLimitHeaders(windows), REPLAYED_HEADER].join(', ')
  return {
    allow(request, headers) {
      if (origins.length === 0) return
      if (!any) headers.vary = 'Origin'
      const origin = request.get('origin')
      if (origin === null || !(any || origins.includes(origin))) return
      headers['access-control-allow-origin'] = any ? '*' : origin
      headers['access-control-expose-headers'] = exposed
    },
    refuseForeign(request) {
      const origin = request.get('origin')
      if (origin !== null && !any && !origins.includes(origin))
        throw new GatewayError('forbidden', 'Pages of this origin may not open a socket')
    },
    preflight: {
      'access-control-allow-methods': 'GET, POST, PUT, DELETE, PATCH, OPTIONS',
      'access-control-allow-headers': 'Content-Type, X-API-Key, Authorization, X-Request-ID, Idempotency-Key',
      'access-control-max-age': String(MAX_AGE_SECONDS),
    },
  }
}
