// IP addresses as numbers: for allow-lists, for trusted proxies, and for counting an IPv6 network as one client.

export interface IpAddress {
  bits: 32 | 128
  value: bigint
}

/** A single address is a range of its full length. */
export interface IpRange {
  bits: 32 | 128
  prefix: number
  value: bigint
}

function parseIpv4(text: string): bigint | null {
  const parts = text.split('.')
  if (parts.length !== 4) return null
  let value = 0n
  for (const part of parts) {
    // A leading zero means octal to some readers and decimal to others, so it means nothing here.
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return null
    value = (value << 8n) | BigInt(part)
  }
  return value
}

function parseGroups(text: string): bigint[] | null {
  if (text === '') return []
  const groups: bigint[] = []
  const parts = text.split(':')
  for (const [index, part] of parts.entries()) {
    const ipv4 = index === parts.length - 1 && part.includes('.') ? parseIpv4(part) : null
    if (ipv4 !== null) groups.push(ipv4 >> 16n, ipv4 & 0xffffn)
    else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(BigInt(`0x${part}`))
    else return null
  }
  return groups
}

function parseIpv6(text: string): bigint | null {
  const halves = text.split('::')
  if (halves.length > 2) return null
  const [head, tail] = halves.map(parseGroups)
  if (head === null || head === undefined || tail === null) return null
  const missing = 8 - head.length - (tail?.length ?? 0)
  if (tail === undefined ? missing !== 0 : missing < 1) return null
  const groups = [...head, ...Array<bigint>(missing).fill(0n), ...(tail ?? [])]
  return groups.reduce((value, group) => (value << 16n) | group, 0n)
}

/** Null for anything but an address. IPv4 in IPv6 (`::ffff:1.2.3.4`) is the IPv4 address; a zone (`%eth0`) is dropped. */
export function parseIp(text: string): IpAddress | null {
  if (text.length > 64) return null
  if (!text.includes(':')) {
    const value = parseIpv4(text)
    return value === null ? null : { bits: 32, value }
  }
  const value = parseIpv6(text.split('%', 1)[0] ?? '')
  if (value === null) return null
  return value >> 32n === 0xffffn ? { bits: 32, value: value & 0xffffffffn } : { bits: 128, value }
}

/** An address or `address/prefix`; null for anything else. */
export function parseIpRange(text: string): IpRange | null {
  const [address = '', length, ...rest] = text.split('/')
  const ip = parseIp(address)
  if (ip === null || rest.length > 0) return null
  if (length === undefined) return { ...ip, prefix: ip.bits }
  if (!/^\d{1,3}$/.test(length) || Number(length) > ip.bits) return null
  return { ...ip, prefix: Number(length) }
}

export function isInRange(ip: IpAddress, range: IpRange): boolean {
  if (ip.bits !== range.bits) return false
  const shift = BigInt(ip.bits - range.prefix)
  return ip.value >> shift === range.value >> shift
}

/** True when every address of `inner` lies in `outer`. */
export function isSubrange(inner: IpRange, outer: IpRange): boolean {
  return inner.prefix >= outer.prefix && isInRange(inner, outer)
}

/** What a rate limit counts by: an IPv6 /64 is one client, since one client has all of its addresses. */
export function limitKey(address: string): string {
  if (!address.includes(':')) return address
  const ip = parseIp(address)
  if (ip === null) return address
  return ip.bits === 32 ? ip.value.toString() : `${(ip.value >> 64n).toString(16)}::/64`
}
