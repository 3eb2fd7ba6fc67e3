// Whether an IP address is on the public internet: a verdict on its bytes. It knows no names, ports or exceptions.

/** 4 or 16 bytes. */
export type Address = Uint8Array

export type AddressVerdict = { public: true } | { public: false; why: string }

/**
 * The bytes of an address in its canonical notation, else null. Spellings that only some parsers read (`0177.0.0.1`,
 * `127.1`, `fe80::1%eth0`) are null: what the judge cannot read must not reach a connect call that can.
 */
export function parseAddress(text: string): Address | null {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text)
}

/** Digit by digit: each try of each request comes here. */
function parseIpv4(text: string): Address | null {
  if (text.length > 15) return null
  const bytes = new Uint8Array(4)
  let part = 0
  let digits = 0
  let value = 0
  for (let index = 0; index <= text.length; index += 1) {
    const code = index === text.length ? DOT : text.charCodeAt(index)
    if (code === DOT) {
      if (digits === 0 || part > 3) return null
      bytes[part] = value
      part += 1
      digits = 0
      value = 0
    } else {
      // No leading nought: some parsers read octal there.
      if (code < ZERO || code > ZERO + 9 || (digits > 0 && value === 0)) return null
      value = value * 10 + (code - ZERO)
      digits += 1
      if (value > 255) return null
    }
  }
  return part === 4 ? bytes : null
}

const DOT = 46
const ZERO = 48

function parseIpv6(text: string): Address | null {
  const halves = text.split('::')
  if (halves.length > 2) return null
  const [head, tail] = halves.map(half => (half === '' ? [] : wordsOf(half)))
  if (!head || (halves.length === 2 && !tail)) return null
  const missing = 8 - head.length - (tail?.length ?? 0)
  if (tail ? missing < 1 : missing !== 0) return null
  const words = [...head, ...new Array<number>(missing).fill(0), ...(tail ?? [])]
  return Uint8Array.from(words.flatMap(word => [word >> 8, word & 255]))
}

/** The 16-bit words of one side of `::`; its last part may be an IPv4 address. */
function wordsOf(half: string): number[] | null {
  const words: number[] = []
  const parts = half.split(':')
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(part)) words.push(Number.parseInt(part, 16))
    else {
      const inner = index === parts.length - 1 ? parseIpv4(part) : null
      if (!inner) return null
      words.push((inner[0]! << 8) | inner[1]!, (inner[2]! << 8) | inner[3]!)
    }
  }
  return words
}

/** The prefix is read once, when the table is made: each address is compared with all of them. */
type Range = readonly [prefix: Address, bits: number, why: string]

const rangesOf = (
  rows: readonly (readonly [prefix: string, bits: number, why: string])[],
): readonly Range[] => rows.map(([prefix, bits, why]) => [parseAddress(prefix)!, bits, why])

/** IANA's special-purpose registry of IPv4, and what stands outside the unicast space. */
const closedIpv4 = rangesOf([
  ['0.0.0.0', 8, 'this host'],
  ['10.0.0.0', 8, 'private network'],
  ['100.64.0.0', 10, 'shared address space of a carrier'],
  ['127.0.0.0', 8, 'loopback'],
  ['169.254.0.0', 16, 'link-local'],
  ['172.16.0.0', 12, 'private network'],
  ['192.0.0.0', 24, 'protocol assignments'],
  ['192.0.2.0', 24, 'documentation'],
  ['192.88.99.0', 24, 'old 6to4 relay'],
  ['192.168.0.0', 16, 'private network'],
  ['198.18.0.0', 15, 'benchmarking'],
  ['198.51.100.0', 24, 'documentation'],
  ['203.0.113.0', 24, 'documentation'],
  ['224.0.0.0', 4, 'multicast'],
  ['240.0.0.0', 4, 'reserved'],
])

/** Prefixes after which a whole IPv4 address stands: reaching them reaches it, so the inner address is judged. */
const carriersOfIpv4 = rangesOf([
  ['::ffff:0:0', 96, 'IPv4-mapped'],
  ['64:ff9b::', 96, 'NAT64'],
])

/** Inside 2000::/3, the only space that is given out for the public, what is not public. */
const closedIpv6 = rangesOf([
  ['2001::', 23, 'protocol assignments, Teredo and ORCHID'],
  ['2001:db8::', 32, 'documentation'],
  ['2002::', 16, '6to4, which carries an IPv4 address of anyone'],
  ['3fff::', 20, 'documentation'],
])

/** Allowed only if every connection to these bytes leaves for the public internet. */
export function judgeAddress(address: Address): AddressVerdict {
  if (address.length === 4) {
    const closed = closedIpv4.find(range => isIn(address, range))
    return closed ? { public: false, why: closed[2] } : { public: true }
  }
  if (carriersOfIpv4.some(range => isIn(address, range))) return judgeAddress(address.slice(12))
  if ((address[0]! & 0xe0) !== 0x20) return { public: false, why: 'not a public IPv6 address' }
  const closed = closedIpv6.find(range => isIn(address, range))
  return closed ? { public: false, why: closed[2] } : { public: true }
}

function isIn(address: Address, [start, bits]: Range): boolean {
  for (let index = 0; index * 8 < bits; index += 1) {
    const mask = 0xff & (0xff << Math.max(0, 8 - (bits - index * 8)))
    if ((address[index]! & mask) !== (start[index]! & mask)) return false
  }
  return true
}

/** True for the same address; a mapped IPv4 address is the one inside it, as sockets report either. */
export function isSameAddress(one: Address, other: Address): boolean {
  const [a, b] = [unmapped(one), unmapped(other)]
  return a.length === b.length && a.every((byte, index) => byte === b[index])
}

function unmapped(address: Address): Address {
  return address.length === 16 && isIn(address, carriersOfIpv4[0]!) ? address.slice(12) : address
}
