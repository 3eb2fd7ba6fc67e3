// TextEncoder and TextDecoder: UTF-8, UTF-16LE and Latin-1.
import { codecs, type Encoding, utf8Bytes, utf8Text } from './text-bytes.ts'

export class GuestTextEncoder {
  readonly encoding = 'utf-8'

  encode(text: unknown = ''): Uint8Array {
    return utf8Bytes(String(text))
  }

  encodeInto(text: string, target: Uint8Array): { read: number; written: number } {
    let read = 0
    let written = 0
    for (const char of text) {
      const bytes = utf8Bytes(char)
      if (written + bytes.length > target.length) break
      target.set(bytes, written)
      read += char.length
      written += bytes.length
    }
    return { read, written }
  }
}

/** Labels of the Encoding standard that are known here. */
const labels: Record<string, { name: string; encoding: Encoding }> = {
  'utf-8': { name: 'utf-8', encoding: 'utf8' },
  utf8: { name: 'utf-8', encoding: 'utf8' },
  'utf-16le': { name: 'utf-16le', encoding: 'utf16le' },
  'utf-16': { name: 'utf-16le', encoding: 'utf16le' },
  latin1: { name: 'windows-1252', encoding: 'latin1' },
  'iso-8859-1': { name: 'windows-1252', encoding: 'latin1' },
  ascii: { name: 'windows-1252', encoding: 'latin1' },
}

interface DecoderOptions {
  fatal?: boolean
  ignoreBOM?: boolean
}

export class GuestTextDecoder {
  readonly encoding: string
  readonly fatal: boolean
  readonly ignoreBOM: boolean
  readonly #encoding: Encoding
  #rest: Uint8Array = new Uint8Array()
  #isStart = true

  constructor(label: unknown = 'utf-8', { fatal = false, ignoreBOM = false }: DecoderOptions = {}) {
    const known = labels[String(label).trim().toLowerCase()]
    if (known === undefined)
      throw Object.assign(new RangeError(`The "${String(label)}" encoding is not supported`), {
        code: 'ERR_ENCODING_NOT_SUPPORTED',
      })
    this.encoding = known.name
    this.#encoding = known.encoding
    this.fatal = fatal
    this.ignoreBOM = ignoreBOM
  }

  decode(input?: ArrayBuffer | ArrayBufferView, { stream = false }: { stream?: boolean } = {}): string {
    const given =
      input === undefined
        ? new Uint8Array()
        : ArrayBuffer.isView(input)
          ? new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
          : new Uint8Array(input)
    const bytes = new Uint8Array(this.#rest.length + given.length)
    bytes.set(this.#rest)
    bytes.set(given, this.#rest.length)
    const { text, rest } = this.#read(bytes, stream)
    this.#rest = bytes.slice(bytes.length - rest)
    const cut = this.#isStart && !this.ignoreBOM && text.startsWith('\ufeff') ? text.slice(1) : text
    this.#isStart = !stream || (this.#isStart && text === '')
    return cut
  }

  #read(bytes: Uint8Array, partial: boolean): { text: string; rest: number } {
    if (this.#encoding === 'utf8') return utf8Text(bytes, { partial, broken: () => this.#broken() })
    const rest = this.#encoding === 'utf16le' ? bytes.length % 2 : 0
    if (rest === 1 && !partial) this.#broken()
    return { text: codecs[this.#encoding].text(bytes), rest: partial ? rest : 0 }
  }

  #broken(): void {
    if (!this.fatal) return
    this.#rest = new Uint8Array()
    throw Object.assign(new TypeError('The encoded data was not valid for encoding utf-8'), {
      code: 'ERR_ENCODING_INVALID_ENCODED_DATA',
    })
  }
}
