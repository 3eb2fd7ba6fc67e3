// The settings of the API at the edge, from its environment. Names and defaults are those of the gateway on Node.
import * as v from 'valibot'
import { effectiveOrigins } from '../api/cors.ts'
import type { ApiSettings } from '../api/route.ts'
import { GatewayError } from '../contract/errors.ts'

const number = (fallback: string) =>
  v.optional(
    v.pipe(v.string(), v.regex(/^\d{1,12}$/, 'must be a whole number'), v.transform(Number)),
    fallback,
  )
const list = v.optional(
  v.pipe(
    v.string(),
    v.transform(text =>
      text
        .split(',')
        .map(part => part.trim())
        .filter(part => part !== ''),
    ),
  ),
  '',
)
const required = (what: string) => v.pipe(v.string(what), v.nonEmpty(what))

/** Other names in the environment belong to others. */
const EdgeEnv = v.object({
  DATABASE_URL: required('must be the address of a libsql server'),
  DATABASE_AUTH_TOKEN: v.optional(v.string()),
  ENGINE_URL: required('must be the address of the engine'),
  ENGINE_TOKEN: required('must be the token that the engine was given'),
  API_KEY_PEPPER: v.optional(v.string()),
  BASE_URL: v.optional(v.string()),
  NODE_ENV: v.optional(v.string(), 'production'),
  VALIDATION_ERROR_DETAIL: v.optional(v.string()),
  BODY_SIZE_LIMIT: number('26214400'),
  TRUST_PROXY: list,
  CORS_ORIGINS: list,
  RATE_LIMIT_SHORT_TTL: number('1000'),
  RATE_LIMIT_SHORT_LIMIT: number('10'),
  RATE_LIMIT_MEDIUM_TTL: number('60000'),
  RATE_LIMIT_MEDIUM_LIMIT: number('100'),
  RATE_LIMIT_LONG_TTL: number('3600000'),
  RATE_LIMIT_LONG_LIMIT: number('1000'),
  RATE_LIMIT_FAILED_KEYS: number('20'),
  INGRESS_INSTANCE_TTL: number('60000'),
  INGRESS_IP_LIMIT: number('1200'),
})

declare const WHARF_VERSION: string | undefined

/** Put in by the bundler; a source tree has no number of its own. */
const version = typeof WHARF_VERSION === 'string' ? WHARF_VERSION : 'source'

export interface EdgeSettings {
  database: { url: string; authToken?: string }
  engine: { url: string; token: string }
  trustedProxies: readonly string[]
  pepper: string | null
  api: ApiSettings
}

/** Throws `settings_invalid` with every fault, without repeating values, as some are secrets. */
export function readEdgeSettings(env: Readonly<Record<string, unknown>>): EdgeSettings {
  const parsed = v.safeParse(EdgeEnv, env)
  if (!parsed.success) {
    const faults = parsed.issues.map(issue => `${v.getDotPath(issue)} ${issue.message}`)
    throw new GatewayError('settings_invalid', `Settings are wrong: ${faults.join('; ')}.`)
  }
  const set = parsed.output
  const production = set.NODE_ENV === 'production'
  return {
    database: {
      url: set.DATABASE_URL,
      ...(set.DATABASE_AUTH_TOKEN && { authToken: set.DATABASE_AUTH_TOKEN }),
    },
    engine: { url: set.ENGINE_URL, token: set.ENGINE_TOKEN },
    trustedProxies: set.TRUST_PROXY,
    pepper: set.API_KEY_PEPPER || null,
    api: {
      version,
      validationDetails: !production || set.VALIDATION_ERROR_DETAIL === 'true',
      rateLimits: [
        { name: 'short', ttlMs: set.RATE_LIMIT_SHORT_TTL, limit: set.RATE_LIMIT_SHORT_LIMIT },
        { name: 'medium', ttlMs: set.RATE_LIMIT_MEDIUM_TTL, limit: set.RATE_LIMIT_MEDIUM_LIMIT },
        { name: 'long', ttlMs: set.RATE_LIMIT_LONG_TTL, limit: set.RATE_LIMIT_LONG_LIMIT },
      ],
      failedKeys: { limit: set.RATE_LIMIT_FAILED_KEYS, ttlMs: 60_000 },
      bodyLimitBytes: set.BODY_SIZE_LIMIT,
      inflightBodyBytes: 4 * set.BODY_SIZE_LIMIT,
      ingressPerAddress: { limit: set.INGRESS_IP_LIMIT, ttlMs: set.INGRESS_INSTANCE_TTL },
      // Files are at the engine.
      inlineMediaBytes: 0,
      corsOrigins: effectiveOrigins(set.CORS_ORIGINS, production),
      baseUrl: set.BASE_URL || null,
    },
  }
}
