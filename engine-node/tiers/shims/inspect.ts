// util.inspect and util.format: readable, in the manner of Node, without colours.

const UNPRINTABLE = /[\u0000-\u001f\\]/g

/** Entries of one object that are shown; the rest is counted. */
const MAX_ENTRIES = 100
const LINE_CHARS = 72

interface Options {
  depth?: number | null
}

export const inspect = Object.assign(
  (value: unknown, options: Options | boolean = {}): string => {
    const depth = typeof options === 'object' ? options.depth : undefined
    return shown(value, depth === null ? Number.POSITIVE_INFINITY : (depth ?? 2), [])
  },
  { custom: Symbol.for('nodejs.util.inspect.custom'), defaultOptions: {} },
)

const escapes: Record<string, string> = {
  '\n': '\\n',
  '\t': '\\t',
  '\r': '\\r',
  '\b': '\\b',
  '\f': '\\f',
  '\v': '\\v',
}

/** In the first quotes that the text itself has none of. */
function quoted(text: string): string {
  const quote = ["'", '"', '`'].find(each => !text.includes(each)) ?? "'"
  const body = text.replace(UNPRINTABLE, char => {
    if (char === '\\') return '\\\\'
    return escapes[char] ?? `\\x${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
  })
  return `${quote}${text.includes(quote) ? body.replaceAll(quote, `\\${quote}`) : body}${quote}`
}

function shown(value: unknown, depth: number, parents: readonly object[]): string {
  if (typeof value === 'string') return quoted(value)
  if (typeof value === 'bigint') return `${value}n`
  if (Object.is(value, -0)) return '-0'
  if (typeof value === 'function') {
    const kind = String(value).startsWith('class') ? 'class' : 'Function'
    return value.name === ''
      ? `[${kind} (anonymous)]`
      : `[${kind}${kind === 'class' ? '' : ':'} ${value.name}]`
  }
  if (typeof value !== 'object' || value === null) return String(value)
  if (parents.includes(value)) return '[Circular *1]'
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString()
  if (value instanceof RegExp) return String(value)
  if (value instanceof Error) return value.stack || `[${value.name}: ${value.message}]`
  const name = Object.getPrototypeOf(value) === null ? '[Object: null prototype]' : value.constructor?.name
  if (depth < 0) return Array.isArray(value) ? '[Array]' : `[${name || 'Object'}]`
  const inner = (each: unknown) => shown(each, depth - 1, [...parents, value])

  if (Array.isArray(value)) return wrapped('', '[', value.map(inner), ']')
  if (value instanceof Uint8Array && name === 'Buffer')
    return `<Buffer${[...value.subarray(0, 50)].map(byte => ` ${byte.toString(16).padStart(2, '0')}`).join('')}${value.length > 50 ? ` ... ${value.length - 50} more bytes` : ''}>`
  if (ArrayBuffer.isView(value) && !(value instanceof DataView))
    return wrapped(
      `${name}(${(value as Uint8Array).length}) `,
      '[',
      Array.from(value as Uint8Array, inner),
      ']',
    )
  if (value instanceof Map)
    return wrapped(
      `Map(${value.size}) `,
      '{',
      [...value].map(([key, each]) => `${inner(key)} => ${inner(each)}`),
      '}',
    )
  if (value instanceof Set) return wrapped(`Set(${value.size}) `, '{', [...value].map(inner), '}')
  if (value instanceof Promise) return 'Promise { <state unknown> }'
  const entries = Object.keys(value).map(key => {
    const property = Object.getOwnPropertyDescriptor(value, key)
    const text = property?.get ? (property.set ? '[Getter/Setter]' : '[Getter]') : inner(property?.value)
    return `${/^[A-Za-z_$][\w$]*$/.test(key) ? key : quoted(key)}: ${text}`
  })
  return wrapped(name === 'Object' || name === undefined ? '' : `${name} `, '{', entries, '}')
}

function wrapped(prefix: string, open: string, entries: string[], close: string): string {
  if (entries.length === 0) return `${prefix}${open}${close}`
  const some = entries.slice(0, MAX_ENTRIES)
  if (entries.length > MAX_ENTRIES) some.push(`... ${entries.length - MAX_ENTRIES} more items`)
  const line = `${prefix}${open} ${some.join(', ')} ${close}`
  if (line.length <= LINE_CHARS && !line.includes('\n')) return line
  return `${prefix}${open}\n${some.map(entry => `  ${entry.replaceAll('\n', '\n  ')}`).join(',\n')}\n${close}`
}

/** The marks of a format and what each makes of its value. */
const marks: Record<string, (value: unknown) => string> = {
  s: value =>
    typeof value === 'string'
      ? value
      : typeof value === 'object'
        ? inspect(value, { depth: 0 })
        : inspect(value),
  d: value => (typeof value === 'bigint' ? `${value}n` : String(Number(value))),
  i: value => (typeof value === 'bigint' ? `${value}n` : String(Number.parseInt(String(value), 10))),
  f: value => String(Number.parseFloat(String(value))),
  j: value => JSON.stringify(value) ?? 'undefined',
  o: value => inspect(value, { depth: 4 }),
  O: value => inspect(value),
  c: () => '',
}

export function format(...values: unknown[]): string {
  const rest = [...values]
  let text = ''
  if (typeof rest[0] === 'string') {
    const pattern = rest.shift() as string
    text = pattern.replace(/%([sdifjoOc%])/g, (mark, letter: string) => {
      if (letter === '%') return rest.length > 0 || values.length > 1 ? '%' : '%%'
      return rest.length > 0 ? (marks[letter]?.(rest.shift()) ?? mark) : mark
    })
    if (rest.length === 0) return text
    text += ' '
  }
  return text + rest.map(value => (typeof value === 'string' ? value : inspect(value))).join(' ')
}
