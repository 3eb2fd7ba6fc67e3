// Whose address a request has. Forwarding headers count only from proxies that the operator trusts.
import type { Context } from 'hono'
import { type IpRange, isInRange, parseIp, parseIpRange } from './ip.ts'

/** Entries of X-Forwarded-For that are looked at, from the right: more proxies than this is a forged header. */
const MAX_HOPS = 16

/** `1.2.3.4:5678` and `[::1]:80` as some proxies write them. */
const withoutPort = (entry: string) =>
  /^\[(.+)\](:\d+)?$/.exec(entry)?.[1] ?? /^([\d.]+):\d+$/.exec(entry)?.[1] ?? entry

/**
 * The client's address: the peer itself, or where the peer is a trusted proxy the rightmost address of X-Forwarded-For that
 * is not one. `peer` knows the runtime. Junk in the header ends the search at the last address that could be trusted.
 */
export function createClientIp(deps: {
  peer(c: Context): string | undefined
  trustedProxies: readonly string[]
}): (c: Context) => string {
  const trusted = deps.trustedProxies.map(parseIpRange).filter((range): range is IpRange => range !== null)
  const isTrusted = (address: string) => {
    const ip = parseIp(address)
    return ip !== null && trusted.some(range => isInRange(ip, range))
  }

  return c => {
    let address = deps.peer(c) ?? 'unknown'
    if (trusted.length === 0 || !isTrusted(address)) return address
    const hops = (c.req.raw.headers.get('x-forwarded-for') ?? '').split(',').slice(-MAX_HOPS).reverse()
    for (const hop of hops) {
      const next = withoutPort(hop.trim())
      if (parseIp(next) === null) return address
      address = next
      if (!isTrusted(address)) return address
    }
    return address
  }
}
