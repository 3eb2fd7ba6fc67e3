// URL and require('url'). Parsing is the host's, since only its rules are the real ones; objects stay here.
import type { Ask } from './ask.ts'
import { GuestURLSearchParams } from './url-search-params.ts'

/** What the host answers for an address. */
export const urlParts = [
  'href',
  'origin',
  'protocol',
  'username',
  'password',
  'host',
  'hostname',
  'port',
  'pathname',
  'search',
  'hash',
] as const
export type UrlParts = Record<(typeof urlParts)[number], string>

interface GuestUrl {
  href: string
  hash: string
  readonly searchParams: GuestURLSearchParams
}

/** The class, and the module made of it. */
export function createUrl(ask: Ask) {
  class GuestURL {
    #parts: UrlParts
    #params: GuestURLSearchParams | null = null

    constructor(input: unknown, base?: unknown) {
      this.#parts = ask('url', String(input), base === undefined ? null : String(base)) as UrlParts
    }

    /** Reads and, but for the origin, changes parts; the accessors below call it. */
    part(name: keyof UrlParts, value?: string): string {
      if (value === undefined) return this.#parts[name]
      this.#parts = ask('url', this.#parts.href, null, [name, value]) as UrlParts
      if (name === 'search' || name === 'href') this.#params = null
      return value
    }

    get searchParams(): GuestURLSearchParams {
      this.#params ??= new GuestURLSearchParams(this.#parts.search, query => {
        this.#parts = ask('url', this.#parts.href, null, ['search', query]) as UrlParts
      })
      return this.#params
    }

    toString(): string {
      return this.#parts.href
    }

    toJSON(): string {
      return this.#parts.href
    }

    static canParse(input: unknown, base?: unknown): boolean {
      return GuestURL.parse(input, base) !== null
    }

    static parse(input: unknown, base?: unknown): GuestURL | null {
      try {
        return new GuestURL(input, base)
      } catch {
        // The one thing that can go wrong is the answer here.
        return null
      }
    }
  }
  const { part } = GuestURL.prototype
  Reflect.deleteProperty(GuestURL.prototype, 'part')
  for (const name of urlParts)
    Object.defineProperty(GuestURL.prototype, name, {
      get(this: GuestURL) {
        return part.call(this, name)
      },
      ...(name === 'origin'
        ? {}
        : {
            set(this: GuestURL, value: unknown) {
              part.call(this, name, String(value))
            },
          }),
      enumerable: true,
      configurable: true,
    })

  const toUrl = (value: unknown) =>
    (value instanceof GuestURL ? value : new GuestURL(value)) as GuestURL & GuestUrl
  const url = {
    URL: GuestURL,
    URLSearchParams: GuestURLSearchParams,
    parse: (text: unknown, parseQuery = false) => ask('legacyUrl', String(text), Boolean(parseQuery)),
    resolve: (from: unknown, to: unknown) => ask('resolveUrl', String(from), String(to)),
    format(value: unknown, { fragment = true, search = true } = {}) {
      if (typeof value === 'object' && value !== null && !(value instanceof GuestURL))
        return ask('formatUrl', { ...value })
      const changed = new GuestURL(toUrl(value).toString()) as GuestURL & { hash: string; search: string }
      if (!fragment) changed.hash = ''
      if (!search) changed.search = ''
      return changed.toString()
    },
    domainToASCII: (domain: unknown) => ask('domainToASCII', String(domain)),
    domainToUnicode: (domain: unknown) => ask('domainToUnicode', String(domain)),
    fileURLToPath(value: unknown) {
      const { protocol, pathname } = toUrl(value) as unknown as UrlParts
      if (protocol !== 'file:') throw new TypeError('The URL must be of scheme file')
      return decodeURIComponent(pathname)
    },
    pathToFileURL: (path: unknown) =>
      new GuestURL(`file://${encodeURI(String(path)).replaceAll('?', '%3F').replaceAll('#', '%23')}`),
  }
  return url
}
