// string_decoder: text from bytes that arrive in pieces.
import { GuestBuffer, toBytes } from './buffer.ts'
import { codecs, type Encoding, encodingOf, utf8Text } from './text-bytes.ts'

/** Bytes that belong together in encodings of whole groups. */
const groups: Partial<Record<Encoding, number>> = { utf16le: 2, base64: 3, base64url: 3 }

export class StringDecoder {
  readonly encoding: Encoding
  #rest: Uint8Array = new Uint8Array()

  constructor(name: unknown = 'utf8') {
    const encoding = encodingOf(name)
    if (encoding === undefined)
      throw Object.assign(new TypeError(`Unknown encoding: ${String(name)}`), {
        code: 'ERR_UNKNOWN_ENCODING',
      })
    this.encoding = encoding
  }

  write(chunk: string | Uint8Array): string {
    if (typeof chunk === 'string') return chunk
    const bytes = GuestBuffer.concat([this.#rest, toBytes(chunk)])
    if (this.encoding === 'utf8') {
      const { text, rest } = utf8Text(bytes, { partial: true })
      this.#rest = bytes.subarray(bytes.length - rest)
      return text
    }
    const whole = bytes.length - (bytes.length % (groups[this.encoding] ?? 1))
    this.#rest = bytes.subarray(whole)
    return codecs[this.encoding].text(bytes.subarray(0, whole))
  }

  end(chunk?: string | Uint8Array): string {
    const text = chunk === undefined ? '' : this.write(chunk)
    const rest = this.#rest
    this.#rest = new Uint8Array()
    return rest.length === 0 ? text : text + codecs[this.encoding].text(rest)
  }
}
