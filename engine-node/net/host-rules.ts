// Lists of hosts: what a manifest's `net.allow` covers, and which hosts the operator excepts from the guard.
import { parseHostRule } from '../../src/contract/manifest.ts'

/** A host as `new URL` gives it, in brackets if it is IPv6, without the trailing dot; the port as a number. */
export interface HostAndPort {
  host: string
  port: number
}

const DEFAULT_PORTS: readonly number[] = [80, 443]

/**
 * True when one of the rules covers the host. `*` covers any host, `*.example.net` one label before it, a name itself.
 * A rule without a port means the default port of either scheme. Rules that cannot be read cover nothing.
 */
export function coversHost(rules: readonly string[], { host, port }: HostAndPort): boolean {
  return rules.some(text => {
    const rule = parseHostRule(text)
    if (!rule) return false
    if (rule.port === null ? !DEFAULT_PORTS.includes(port) : rule.port !== port) return false
    if (rule.host === '*') return true
    if (!rule.host.startsWith('*.')) return rule.host === host
    const label = host.slice(0, -(rule.host.length - 1))
    return host.endsWith(rule.host.slice(1)) && label !== '' && !label.includes('.')
  })
}

export interface Exceptions {
  /** Name and address of this host are the operator's business. */
  covers(target: HostAndPort): boolean
  /** The operator named this very port, so that the list of closed ports does not hold for it. */
  namesPort(target: HostAndPort): boolean
}

/** The operator's `SSRF_ALLOWED_HOSTS`: exact names or addresses, with a port or for all ports. Wildcards except nothing. */
export function createExceptions(allowedHosts: readonly string[]): Exceptions {
  const rules = allowedHosts.map(text => parseHostRule(text)).filter(rule => rule !== null)
  const find = ({ host, port }: HostAndPort, matches: (named: number | null) => boolean) =>
    rules.some(rule => rule.host === host && (rule.port === null || rule.port === port) && matches(rule.port))
  return {
    covers: target => find(target, () => true),
    namesPort: target => find(target, named => named !== null),
  }
}
