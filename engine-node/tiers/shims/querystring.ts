// require('querystring').

const escapeText = (value: unknown): string => encodeURIComponent(String(value))

function unescapeText(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // Broken escapes stay as they are.
    return text
  }
}

const textOf = (value: unknown): string =>
  ['string', 'bigint', 'boolean'].includes(typeof value) || Number.isFinite(value) ? escapeText(value) : ''

function stringify(values: unknown, separator = '&', equals = '='): string {
  if (typeof values !== 'object' || values === null) return ''
  return Object.entries(values)
    .flatMap(([key, value]) => (Array.isArray(value) ? value.map(item => [key, item]) : [[key, value]]))
    .map(([key, value]) => `${escapeText(key)}${equals}${textOf(value)}`)
    .join(separator)
}

function parse(
  text: unknown,
  separator = '&',
  equals = '=',
  { maxKeys = 1_000 }: { maxKeys?: number } = {},
): Record<string, string | string[]> {
  const values: Record<string, string | string[]> = Object.create(null)
  if (typeof text !== 'string' || text === '') return values
  const parts = text.split(separator)
  for (const part of maxKeys > 0 ? parts.slice(0, maxKeys) : parts) {
    if (part === '') continue
    const at = part.indexOf(equals)
    const [key, value] = (at < 0 ? [part, ''] : [part.slice(0, at), part.slice(at + equals.length)]).map(
      piece => unescapeText(piece.replaceAll('+', ' ')),
    ) as [string, string]
    const known = values[key]
    values[key] = known === undefined ? value : Array.isArray(known) ? [...known, value] : [known, value]
  }
  return values
}

export const querystring = {
  escape: escapeText,
  unescape: unescapeText,
  stringify,
  parse,
  encode: stringify,
  decode: parse,
}
