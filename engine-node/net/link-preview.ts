// The title and description of a page that a text links to. A stranger may have chosen the address, so it is fetched by the guard,
// briefly and not to its end; what fails is no preview, and no reason to keep the text.
import { GatewayError } from '../../src/contract/errors.ts'
import type { GuardedFetch } from './guarded-fetch.ts'

export interface LinkPreview {
  /** As it stands in the text. */
  url: string
  title: string
  description: string | null
}

/** Null for a text without a link, and for a page that does not tell in time. */
export type PreviewLink = (text: string) => Promise<LinkPreview | null>

/** For everything: a sender waits for it. */
const TIMEOUT_MS = 2_000

/** The head of a page comes first; the rest is not read. */
const MAX_BYTES = 128 * 1024

const MAX_REDIRECTS = 3
const MAX_TEXT = 300

const LINK = /\bhttps?:\/\/[^\s<>"'`\u0000-\u001f]{3,2000}/i

/** The link without what a sentence puts behind it. */
export function linkIn(text: string): string | null {
  const found = LINK.exec(text)?.[0].replace(/[).,;:!?\]}'"]+$/, '')
  return found !== undefined && URL.canParse(found) ? found : null
}

const entities: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
}

const decoded = (html: string) =>
  html
    .replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|([a-z]{2,8}));/gi, (all, decimal, hex, name) => {
      const code = decimal ? Number(decimal) : hex ? Number.parseInt(hex, 16) : Number.NaN
      if (Number.isNaN(code)) return entities[String(name).toLowerCase()] ?? all
      return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : ''
    })
    .replace(/\s+/g, ' ')
    .trim()
    .slice(0, MAX_TEXT)

/** Elements that are looked at, and how long each may be: a page of nothing but their beginnings is made to cost time. */
const MAX_TAGS = 64
const MAX_TAG = 2_000

/** The first meta elements, each looked for once and from where the last one ended. */
function* metaTags(html: string): Generator<string> {
  const start = /<meta\s/gi
  for (let tags = 0; tags < MAX_TAGS; tags += 1) {
    const at = start.exec(html)?.index
    const end = at === undefined ? -1 : html.indexOf('>', at)
    if (at === undefined || end === -1) return
    if (end - at <= MAX_TAG) yield html.slice(at, end + 1)
    start.lastIndex = end
  }
}

/** The `content` of the first of these meta elements. */
function metaOf(html: string, names: readonly string[]): string | null {
  for (const tag of metaTags(html)) {
    const attribute = (name: string) =>
      new RegExp(`\\s${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)')`, 'i')
        .exec(tag)
        ?.slice(1)
        .find(each => each !== undefined)
    const name = (attribute('property') ?? attribute('name') ?? '').toLowerCase()
    const content = attribute('content')
    if (names.includes(name) && content) return decoded(content) || null
  }
  return null
}

/** What a page says of itself; null for one without a title. */
export function readPage(html: string): { title: string; description: string | null } | null {
  const plain = /<title[^>]{0,200}>([^<]{1,2000})/i.exec(html)?.[1]
  const title =
    metaOf(html, ['og:title', 'twitter:title']) ?? (plain === undefined ? null : decoded(plain) || null)
  if (title === null) return null
  return { title, description: metaOf(html, ['og:description', 'description', 'twitter:description']) }
}

export function createLinkPreview({ fetch }: { fetch: GuardedFetch }): PreviewLink {
  async function read(url: string): Promise<string> {
    const chunks: Uint8Array[] = []
    const enough = new GatewayError('transport_failed', 'The head of the page has come')
    let size = 0
    try {
      await fetch({
        url,
        hosts: 'any-public',
        headers: { accept: 'text/html', 'user-agent': 'WhatsApp/2' },
        redirects: MAX_REDIRECTS,
        timeoutMs: TIMEOUT_MS,
        maxBytes: 4 * MAX_BYTES,
        async sink(source) {
          for await (const chunk of source) {
            chunks.push(chunk)
            size += chunk.byteLength
            if (size >= MAX_BYTES) throw enough
          }
        },
      })
    } catch (error) {
      if (error !== enough) throw error
    }
    return new TextDecoder().decode(Buffer.concat(chunks))
  }

  return async text => {
    const url = linkIn(text)
    if (url === null) return null
    try {
      const page = readPage(await read(url))
      return page && { url, ...page }
    } catch (error) {
      // Refused, slow or gone: the text goes without it.
      if (error instanceof GatewayError) return null
      throw error
    }
  }
}
