// JSON that means one thing to every reader: `JSON.parse`, after which keys that are there twice, too much depth and
// `__proto__` are refused, since other parsers would read such a text otherwise.

export type StrictJson = { ok: true; value: unknown } | { ok: false; why: string }

/** Parses UTF-8 bytes. A byte order mark is refused: some readers skip it and some fail. */
export function parseStrictJson(bytes: Uint8Array, limits: { maxDepth: number }): StrictJson {
  let text: string
  let value: unknown
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    value = JSON.parse(text)
  } catch {
    return { ok: false, why: 'it cannot be parsed as UTF-8 JSON' }
  }
  const why = scan(text, limits.maxDepth)
  return why === null ? { ok: true, value } : { ok: false, why }
}

/** Walks over text that is known to be JSON, so that a string before a colon can only be a key. */
function scan(text: string, maxDepth: number): string | null {
  const open: (Set<string> | null)[] = []
  for (const { 0: token, index } of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]]/g)) {
    if (token === '{' || token === '[') {
      open.push(token === '{' ? new Set() : null)
      if (open.length > maxDepth) return `it is nested deeper than ${maxDepth} levels`
    } else if (token === '}' || token === ']') open.pop()
    else if (isKey(text, index + token.length)) {
      // Two spellings of one key, as "id" and "\u0069d", are the same key.
      const key: string = JSON.parse(token)
      if (key === '__proto__') return 'it holds the key __proto__'
      const keys = open.at(-1)
      if (keys?.has(key)) return 'it holds a key twice'
      keys?.add(key)
    }
  }
  return null
}

function isKey(text: string, after: number): boolean {
  let at = after
  while (' \t\n\r'.includes(text[at] ?? 'x')) at += 1
  return text[at] === ':'
}
