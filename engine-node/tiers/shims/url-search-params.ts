// URLSearchParams: the list of pairs, and its form encoding.
import { utf8Bytes, utf8Text } from './text-bytes.ts'

type Pair = [string, string]

const encode = (text: string): string =>
  encodeURIComponent(text)
    .replace(/[!'()~]/g, char => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+')

/** Broken escapes stay as they are, broken UTF-8 becomes U+FFFD. */
function decode(text: string): string {
  const spaced = text.replaceAll('+', ' ')
  if (!spaced.includes('%')) return spaced
  const bytes = utf8Bytes(spaced)
  const out: number[] = []
  for (let at = 0; at < bytes.length; at += 1) {
    const digits = bytes[at] === 0x25 ? String.fromCharCode(bytes[at + 1] ?? 0, bytes[at + 2] ?? 0) : ''
    if (/^[0-9a-f]{2}$/i.test(digits)) {
      out.push(Number.parseInt(digits, 16))
      at += 2
    } else out.push(bytes[at]!)
  }
  return utf8Text(Uint8Array.from(out)).text
}

function parse(query: string): Pair[] {
  return query
    .split('&')
    .filter(part => part !== '')
    .map(part => {
      const at = part.indexOf('=')
      return at < 0 ? [decode(part), ''] : [decode(part.slice(0, at)), decode(part.slice(at + 1))]
    })
}

function pairsOf(init: unknown): Pair[] {
  if (init === undefined || init === null) return []
  if (typeof init !== 'object') return parse(String(init).replace(/^\?/, ''))
  const pairs = Symbol.iterator in init ? [...(init as Iterable<unknown>)] : Object.entries(init)
  return pairs.map(pair => {
    const [name, value, ...more] = pair as unknown[]
    if (more.length > 0 || value === undefined)
      throw new TypeError('Each query pair must be a [name, value] tuple')
    return [text(name), text(value)]
  })
}

const text = (value: unknown): string => String(value).toWellFormed()

export class GuestURLSearchParams {
  #pairs: Pair[]
  readonly #changed: (query: string) => void

  /** `changed` is for the URL that they belong to. */
  constructor(init?: unknown, changed: (query: string) => void = () => {}) {
    this.#pairs = pairsOf(init)
    this.#changed = changed
  }

  #set(pairs: Pair[]): void {
    this.#pairs = pairs
    this.#changed(this.toString())
  }

  get size(): number {
    return this.#pairs.length
  }

  append(name: unknown, value: unknown): void {
    this.#set([...this.#pairs, [text(name), text(value)]])
  }

  delete(name: unknown, value?: unknown): void {
    this.#set(
      this.#pairs.filter(
        ([key, held]) => key !== text(name) || (value !== undefined && held !== text(value)),
      ),
    )
  }

  get(name: unknown): string | null {
    return this.#pairs.find(([key]) => key === text(name))?.[1] ?? null
  }

  getAll(name: unknown): string[] {
    return this.#pairs.filter(([key]) => key === text(name)).map(([, value]) => value)
  }

  has(name: unknown, value?: unknown): boolean {
    return this.#pairs.some(
      ([key, held]) => key === text(name) && (value === undefined || held === text(value)),
    )
  }

  set(name: unknown, value: unknown): void {
    const at = this.#pairs.findIndex(([key]) => key === text(name))
    if (at < 0) this.append(name, value)
    else
      this.#set(
        this.#pairs.flatMap((pair, index): Pair[] =>
          index === at ? [[pair[0], text(value)]] : pair[0] === text(name) ? [] : [pair],
        ),
      )
  }

  sort(): void {
    this.#set(this.#pairs.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
  }

  forEach(visit: (value: string, name: string, params: GuestURLSearchParams) => void): void {
    for (const [name, value] of this.#pairs) visit(value, name, this)
  }

  *entries(): IterableIterator<Pair> {
    for (const [name, value] of this.#pairs) yield [name, value]
  }

  *keys(): IterableIterator<string> {
    for (const [name] of this.#pairs) yield name
  }

  *values(): IterableIterator<string> {
    for (const [, value] of this.#pairs) yield value
  }

  [Symbol.iterator](): IterableIterator<Pair> {
    return this.entries()
  }

  toString(): string {
    return this.#pairs.map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&')
  }
}
