// Whether a URL may be fetched at all, as far as that can be said without asking DNS: its text, scheme, host and port.
import { GatewayError } from '../../src/contract/errors.ts'
import { type Address, parseAddress } from './address.ts'
import { coversHost, type Exceptions, type HostAndPort } from './host-rules.ts'

/** Which hosts a request may go to: the entries of a list, or any that is on the public internet. */
export type AllowedHosts = readonly string[] | 'any-public'

export interface TargetPolicy {
  hosts: AllowedHosts
  httpsOnly: boolean
}

export interface Target extends HostAndPort {
  url: URL
  tls: boolean
  /** The address, where the URL names one itself. */
  literal: Address | null
  /** The operator answers for it: neither its name nor its addresses are judged. */
  excepted: boolean
}

/** Longest URL taken: longer ones are an attack on logs and parsers. */
const MAX_URL = 2_048

/**
 * Ports of services that take a line of an HTTP request for a command, and of stores that listen without a password.
 * The first part is the list of the Fetch standard.
 */
const closedPorts: ReadonlySet<number> = new Set([
  0,
  1,
  7,
  9,
  11,
  13,
  15,
  17,
  19,
  20,
  21,
  22,
  23,
  25,
  37,
  42,
  43,
  53,
  69,
  77,
  79,
  87,
  95,
  101,
  102,
  103,
  104,
  109,
  110,
  111,
  113,
  115,
  117,
  119,
  123,
  135,
  137,
  139,
  143,
  161,
  179,
  389,
  427,
  465,
  512,
  513,
  514,
  515,
  526,
  530,
  531,
  532,
  540,
  548,
  554,
  556,
  563,
  587,
  601,
  636,
  989,
  990,
  993,
  995,
  1719,
  1720,
  1723,
  2049,
  3659,
  4045,
  4190,
  5060,
  5061,
  6000,
  6566,
  6665,
  6666,
  6667,
  6668,
  6669,
  6679,
  6697,
  10080,
  ...[2375, 2376, 3306, 5432, 6379, 9200, 10250, 11211, 27017],
])

/** Names that are answered by the machine itself, its network or its cluster, whatever a public DNS says of them. */
const internalSuffixes = [
  'localhost',
  'localdomain',
  'local',
  'internal',
  'intranet',
  'private',
  'corp',
  'home',
  'home.arpa',
  'lan',
  'svc',
  'cluster.local',
] as const

/** Throws `invalid_input` for text that is no clean http(s) URL and `address_blocked` for a place that may not be reached. */
export function judgeUrl(text: string, policy: TargetPolicy, exceptions: Exceptions): Target {
  const url = parseUrl(text)
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw malformed('only http and https are supported')
  if (policy.httpsOnly && url.protocol !== 'https:') throw malformed('only https is supported here')
  if (/^[^/]*:\/\/[^/?#]*@/.test(text) || url.username !== '' || url.password !== '')
    throw malformed('it must not carry credentials')
  const tls = url.protocol === 'https:'
  const port = url.port === '' ? (tls ? 443 : 80) : Number(url.port)
  const host = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
  const literal = parseAddress(host)
  const place = { host: literal?.length === 16 ? `[${host}]` : host, port }
  if (!literal && !isDnsName(host)) throw malformed('its host is not a name')
  if (policy.hosts !== 'any-public' && !coversHost(policy.hosts, place))
    throw blocked(place, 'is not on the list of allowed hosts', false)
  const excepted = exceptions.covers(place)
  if (closedPorts.has(port) && !exceptions.namesPort(place))
    throw blocked(place, 'is a port of another protocol')
  if (!literal && !excepted && isInternalName(host)) throw blocked(place, 'is an internal name')
  if (url.hostname.endsWith('.')) url.hostname = host
  return { ...place, url, tls, literal, excepted }
}

/** The text must say by itself what the parser reads: what it would silently repair, other parsers repair otherwise. */
function parseUrl(text: string): URL {
  if (text.length > MAX_URL) throw malformed(`it is longer than ${MAX_URL} characters`)
  if (/[\u0000-\u0020\u007f\\]/.test(text))
    throw malformed('it holds a space, a backslash or a control character')
  if (!URL.canParse(text)) throw malformed('it cannot be read')
  if (/^https?:(?!\/\/[^/])/i.test(text)) throw malformed('its host must follow two slashes')
  return new URL(text)
}

const isDnsName = (host: string) =>
  host.length <= 253 && host.split('.').every(label => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label))

const isInternalName = (host: string) =>
  !host.includes('.') || internalSuffixes.some(suffix => host === suffix || host.endsWith(`.${suffix}`))

const malformed = (why: string) =>
  new GatewayError('invalid_input', `The URL is refused: ${why}`, {
    certain: true,
    details: { stage: 'url' },
  })

/** The refusal, with the way out for the operator of the gateway where there is one. */
export function blocked({ host, port }: HostAndPort, why: string, mayBeExcepted = true): GatewayError {
  const advice = mayBeExcepted
    ? `. If it is yours and must be reached, add ${host}:${port} to SSRF_ALLOWED_HOSTS`
    : ''
  return new GatewayError('address_blocked', `${host}:${port} ${why}${advice}`, {
    certain: true,
    details: { host, port, stage: 'host' },
  })
}
