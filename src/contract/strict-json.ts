// JSON from strangers. Stricter than JSON.parse where two readers of one text could disagree on what it says.

/** Members and elements in all. A text with a million of them costs a second of parsing. */
const MAX_MEMBERS = 100_000

/** Names that change an object's nature when code copies them carelessly. */
const forbiddenKeys = new Set(['__proto__', 'constructor', 'prototype'])

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const NUMBER = /-?\d+(\.\d+)?([eE][+-]?\d+)?/y

/** Why a text is refused, to be put behind what the text is: "is not valid JSON". */
class Refusal extends Error {}

const refuse = (why: string, cause?: unknown) => new Refusal(why, { cause })

export interface StrictJsonOptions {
  /** Nesting that no honest text comes near; deeper ones are made to break recursive code behind us. */
  maxDepth: number
  /** Makes the error of the place that reads. */
  refuse(why: string, cause: unknown): Error
}

/** The value of a JSON text in UTF-8. Throws what `refuse` makes, for what is malformed, ambiguous or made to cost time. */
export function parseStrictJson(bytes: Uint8Array, options: StrictJsonOptions): unknown {
  try {
    return parse(bytes, options.maxDepth)
  } catch (thrown) {
    throw thrown instanceof Refusal ? options.refuse(thrown.message, thrown.cause) : thrown
  }
}

function parse(bytes: Uint8Array, maxDepth: number): unknown {
  const text = decode(bytes)
  refuseCostly(text, maxDepth)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw refuse('is not valid JSON', cause)
  }
  inspect(text)
  return value
}

function decode(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes)
  } catch (cause) {
    throw refuse('is not valid UTF-8', cause)
  }
}

const [QUOTE, COMMA, BACKSLASH] = [0x22, 0x2c, 0x5c]

/** Before anything is made of the text: each `[` of one that is nothing else costs sixty bytes of memory in JSON.parse. */
function refuseCostly(text: string, maxDepth: number): void {
  let depth = 0
  let members = 0
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(text, at)
        // JSON.parse will say what is wrong with it.
        if (at === -1) return
        break
      case COMMA:
        members += 1
        if (members > MAX_MEMBERS) throw refuse(`has more than ${MAX_MEMBERS} members`)
        break
      case 0x5b: // [
      case 0x7b: // {
        depth += 1
        if (depth > maxDepth) throw refuse(`is nested deeper than ${maxDepth} levels`)
        break
      case 0x5d: // ]
      case 0x7d: // }
        depth -= 1
    }
  }
}

/** Walks a text that JSON.parse has accepted, so it need not care about syntax. */
function inspect(text: string): void {
  /** The keys seen in each object that is open; null for an array. */
  const open: (Set<string> | null)[] = []
  let keyComes = false
  for (let at = 0; at < text.length; at += 1) {
    switch (text[at]) {
      case '{':
      case '[':
        open.push(text[at] === '{' ? new Set() : null)
        keyComes = text[at] === '{'
        break
      case '}':
      case ']':
        open.pop()
        break
      case ',':
        keyComes = open.at(-1) instanceof Set
        break
      case ':':
        keyComes = false
        break
      case '"': {
        const end = endOfString(text, at)
        const string = readString(text, at, end)
        if (keyComes) addKey(open.at(-1), string)
        at = end
        break
      }
      default:
        at = Math.max(at, skipNumber(text, at) - 1)
    }
  }
}

/** The closing quote: the next one with an even number of backslashes before it; -1 where there is none. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let backslashes = 0
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes += 1
    if (backslashes % 2 === 0) return end
  }
  return -1
}

function readString(text: string, start: number, end: number): string {
  const raw = text.slice(start + 1, end)
  if (!raw.includes('\\')) return raw
  const string = JSON.parse(text.slice(start, end + 1)) as string
  if (string.includes('\u0000')) throw refuse('must not contain NUL')
  if (!string.isWellFormed()) throw refuse('contains half of a surrogate pair')
  return string
}

function addKey(keys: Set<string> | null | undefined, key: string): void {
  if (!keys) return
  if (forbiddenKeys.has(key)) throw refuse(`must not have a property ${key}`)
  if (keys.has(key)) throw refuse(`has the property ${JSON.stringify(key).slice(0, 80)} twice`)
  keys.add(key)
}

/** Numbers that a double cannot hold would arrive as other numbers. Gives the end of the number, or `at` where none begins. */
function skipNumber(text: string, at: number): number {
  NUMBER.lastIndex = at
  const token = NUMBER.exec(text)
  if (token === null) return at
  const number = Number(token[0])
  const isWhole = token[1] === undefined && token[2] === undefined
  if (!Number.isFinite(number) || (isWhole && !Number.isSafeInteger(number)))
    throw refuse(`has a number that is out of range: ${token[0].slice(0, 40)}`)
  return at + token[0].length
}
