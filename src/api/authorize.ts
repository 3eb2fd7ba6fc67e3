// Whether a key may call a route: address, session, role, chats, scope, in this order. Pure; the texts are OpenWA's.
import type { ApiKeyRow } from '../db/api-keys.ts'
import { isInRange, parseIp, parseIpRange } from './ip.ts'
import { type Route, roles } from './route.ts'

export type Verdict = { allow: true } | { allow: false; why: string }

const deny = (why: string): Verdict => ({ allow: false, why })
const allow: Verdict = { allow: true }

export const RESTRICTED_TO_CHATS = 'API key is restricted to selected chats'

function comesFrom(address: string, allowed: readonly string[]): boolean {
  const ip = parseIp(address)
  return (
    ip !== null &&
    allowed.some(text => {
      const range = parseIpRange(text)
      return range !== null && isInRange(ip, range)
    })
  )
}

/** `params` are the raw ones of the path: scope is checked before anything is said about whether an id is well formed. */
export function authorize(
  key: ApiKeyRow,
  route: Pick<Route, 'role' | 'unscoped' | 'chats' | 'filtersChats'>,
  request: { address: string; params: Readonly<Record<string, string>> },
): Verdict {
  if (route.role === 'public') return allow
  if (key.allowedIps !== null && !comesFrom(request.address, key.allowedIps))
    return deny('API key not authorized for this IP address')
  const session = request.params.sid ?? request.params.sessionId
  if (key.allowedSessions !== null && session !== undefined && !key.allowedSessions.includes(session))
    return deny('API key not authorized for this session')
  if (roles.indexOf(key.role) < roles.indexOf(route.role))
    return deny(`Insufficient permissions. Required: ${route.role}`)
  if (key.allowedChats !== null && route.chats === undefined && route.filtersChats !== true)
    return deny(RESTRICTED_TO_CHATS)
  if (key.allowedSessions !== null && route.unscoped === true)
    return deny('Session-scoped API keys are not permitted on this route')
  return allow
}
