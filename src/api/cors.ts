// Which web pages of other origins may call the API.
import type { RateWindow } from './rate-limit.ts'
import { rateLimitHeaders } from './rate-limit.ts'

/** Seconds for which a browser may remember the answer to a preflight: a day. */
const MAX_AGE_SECONDS = 86_400

export interface Cors {
  /** Adds to the headers of an answer what its origin may know; keys travel in headers, so credentials are never allowed. */
  allow(request: Headers, headers: Record<string, string>): void
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
  const exposed = rateLimitHeaders(windows).join(', ')
  return {
    allow(request, headers) {
      if (origins.length === 0) return
      if (!any) headers.vary = 'Origin'
      const origin = request.get('origin')
      if (origin === null || !(any || origins.includes(origin))) return
      headers['access-control-allow-origin'] = any ? '*' : origin
      headers['access-control-expose-headers'] = exposed
    },
    preflight: {
      'access-control-allow-methods': 'GET, POST, PUT, DELETE, PATCH, OPTIONS',
      'access-control-allow-headers': 'Content-Type, X-API-Key, Authorization, X-Request-ID',
      'access-control-max-age': String(MAX_AGE_SECONDS),
    },
  }
}
