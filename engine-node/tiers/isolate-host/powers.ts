// What an isolate may ask of the process around it: one row each, with the schema of its arguments. Only text and numbers
// go either way, and nothing here reads a file, opens a connection or knows of another isolate.
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createSign,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto'
import {
  domainToASCII,
  domainToUnicode,
  format,
  parse as parseLegacyUrl,
  resolve as resolveUrl,
} from 'node:url'
import * as v from 'valibot'
import { type UrlParts, urlParts } from '../shims/url.ts'

/** Bytes of one digest or signature, in base64: the process works for nobody else meanwhile, some 30 ms. */
const MAX_DATA = 24 * 1024 * 1024

/** A PEM of RSA with 4096 bits has 3,300 characters; larger ones take seconds for one signature. */
const MAX_KEY_CHARS = 4_096

/** Addresses longer than this are no addresses, and parsing them costs by the square. */
const MAX_URL_CHARS = 65_536

const MAX_RANDOM_BYTES = 65_536
const MAX_LINE_CHARS = 65_536

const name = v.pipe(v.string(), v.maxLength(64))
const data = v.pipe(v.string(), v.maxLength(MAX_DATA, 'The data is too large'))
const address = v.pipe(v.string(), v.maxLength(MAX_URL_CHARS, 'The URL is too long'))
const wholeNumber = (max: number) => v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(max))

const SignKey = v.strictObject({
  key: v.pipe(v.string(), v.maxLength(MAX_KEY_CHARS, 'The key is too large')),
  padding: v.optional(wholeNumber(16)),
  saltLength: v.optional(v.pipe(v.number(), v.integer(), v.minValue(-2), v.maxValue(1_024))),
  dsaEncoding: v.optional(v.picklist(['der', 'ieee-p1363'])),
})

export interface PowerDeps {
  print(line: string): void
  /** Calls the isolate's timers once, after so many milliseconds. */
  wake(ms: number): void
  /** The plugin has ended itself. */
  exit(code: number): void
  /** Loads an ES module by the name that the isolate gives it. */
  importModule(name: string): void
  /** Code of modules that isolates do not have from the start, by name. */
  libraries: ReadonlyMap<string, string>
}

interface Power {
  run(args: unknown): unknown
}

/** A row: what it takes, and what it does with it. */
const power = <S extends v.GenericSchema<unknown, unknown[]>>(
  args: S,
  run: (...args: v.InferOutput<S>) => unknown,
): Power => ({ run: given => run(...v.parse(args, given)) })

function partsOf(url: URL): UrlParts {
  return Object.fromEntries(urlParts.map(part => [part, url[part]])) as UrlParts
}

const settableParts = urlParts.filter(part => part !== 'origin')

export function createPowers({
  print,
  wake,
  exit,
  importModule,
  libraries,
}: PowerDeps): ReadonlyMap<string, Power> {
  const rows: Record<string, Power> = {
    print: power(v.tuple([v.string()]), line => print(line.slice(0, MAX_LINE_CHARS))),
    wake: power(v.tuple([v.number()]), wake),
    exit: power(v.tuple([v.number()]), exit),
    importModule: power(v.tuple([name]), importModule),
    library: power(v.tuple([name]), library => {
      const code = libraries.get(library)
      if (code === undefined) throw new TypeError('There is no such library')
      return code
    }),
    digest: power(v.tuple([name, v.nullable(data), data]), (algorithm, key, content) =>
      (key === null ? createHash(algorithm) : createHmac(algorithm, Buffer.from(key, 'base64')))
        .update(content, 'base64')
        .digest('base64'),
    ),
    // Without a passphrase: deriving a key from one can be made to take for ever.
    sign: power(v.tuple([name, SignKey, data]), (algorithm, key, content) =>
      createSign(algorithm).update(content, 'base64').sign(defined(key), 'base64'),
    ),
    aesGcm: power(
      v.tuple([
        v.boolean(),
        name,
        v.pipe(v.string(), v.minLength(1), v.maxLength(1_024)),
        data,
        TagBytes,
        data,
      ]),
      (isSealing, ...given) => (isSealing ? seal : unseal)(...given).toString('base64'),
    ),
    random: power(v.tuple([wholeNumber(MAX_RANDOM_BYTES)]), size => randomBytes(size).toString('base64')),
    equal: power(v.tuple([data, data]), (a, b) =>
      timingSafeEqual(Buffer.from(a, 'base64'), Buffer.from(b, 'base64')),
    ),
    url: power(
      v.tuple([address, v.nullable(address), v.optional(v.tuple([v.picklist(settableParts), address]))]),
      (href, base, change) => {
        const url = new URL(href, base ?? undefined)
        if (change !== undefined) url[change[0]] = change[1]
        return partsOf(url)
      },
    ),
    legacyUrl: power(v.tuple([address, v.boolean()]), (text, query) => ({ ...parseLegacyUrl(text, query) })),
    resolveUrl: power(v.tuple([address, address]), (from, to) => resolveUrl(from, to)),
    formatUrl: power(v.tuple([v.record(v.string(), v.unknown())]), parts => format(parts)),
    domainToASCII: power(v.tuple([address]), domainToASCII),
    domainToUnicode: power(v.tuple([address]), domainToUnicode),
  }
  return new Map(Object.entries(rows))
}

/** The key, the nonce, what is bound to the content, the length of the tag, and the content: all but the length in base64. */
type Sealing = [key: string, iv: string, extra: string, tagBytes: number, content: string]
const bytes = (text: string) => Buffer.from(text, 'base64')
const TagBytes = v.picklist([4, 8, 12, 13, 14, 15, 16])

function seal(...[key, iv, extra, authTagLength, content]: Sealing): Buffer {
  const cipher = createCipheriv(gcmOf(bytes(key)), bytes(key), bytes(iv), { authTagLength })
  cipher.setAAD(bytes(extra))
  return Buffer.concat([cipher.update(bytes(content)), cipher.final(), cipher.getAuthTag()])
}

function unseal(...[key, iv, extra, authTagLength, content]: Sealing): Buffer {
  const all = bytes(content)
  const end = all.length - authTagLength
  if (end < 0) throw new TypeError('The content is shorter than its tag')
  const decipher = createDecipheriv(gcmOf(bytes(key)), bytes(key), bytes(iv), { authTagLength })
  decipher.setAAD(bytes(extra))
  decipher.setAuthTag(all.subarray(end))
  return Buffer.concat([decipher.update(all.subarray(0, end)), decipher.final()])
}

const gcmOf = (key: Uint8Array) => `aes-${key.length * 8}-gcm` as 'aes-256-gcm'

function defined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as never
}

/** Answers one question of an isolate. Never throws: an error that crosses by itself brings a stack of this process along. */
export function answer(powers: ReadonlyMap<string, Power>, asked: unknown, args: unknown): string {
  try {
    const row = powers.get(String(asked))
    if (row === undefined) throw new TypeError('There is no such power')
    return JSON.stringify({ value: row.run(JSON.parse(String(args))) ?? null })
  } catch (thrown) {
    const { name, message, code } = Object(thrown) as Record<string, unknown>
    const error = {
      name: String(name),
      message: String(message).slice(0, 1_000),
      ...(typeof code === 'string' ? { code } : {}),
    }
    return JSON.stringify({ error })
  }
}
