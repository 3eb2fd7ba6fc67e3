import { describe, expect, it } from 'vitest'
import { boundaryOf, firstFile } from './multipart.ts'

const B = 'xYz'
const part = (headers: string, value: string) => `--${B}\r\n${headers}\r\n\r\n${value}\r\n`
const field = part('Content-Disposition: form-data; name="a"', 'value')
const file = (value: string, name = 'f.bin') =>
  part(`Content-Disposition: form-data; name="file"; filename="${name}"\r\nContent-Type: a/b`, value)
const end = `--${B}--\r\n`

async function read(text: string, size: number): Promise<string> {
  const bytes = Buffer.from(text, 'latin1')
  async function* pieces() {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
  }
  const parts: Uint8Array[] = []
  for await (const piece of firstFile(pieces(), B)) parts.push(piece)
  return Buffer.concat(parts).toString('latin1')
}

describe('firstFile', () => {
  it.each([1, 2, 3, 7, 64, 100_000])('reads in pieces of %i bytes', async size => {
    for (const value of [
      'content',
      '',
      '\r\n--xY\r\n--xYz'.slice(0, -1),
      '\r\n\r\n',
      'é'.repeat(50),
      `--${B}`,
    ])
      expect(await read(field + file(value) + end, size)).toBe(value)
  })

  it('reads what a client makes', async () => {
    const form = new FormData()
    form.set('kind', 'image')
    form.set('file', new Blob([new Uint8Array([0, 13, 10, 45, 45, 255])]), 'ä.png')
    const { headers, body } = new Response(form)
    const parts: Uint8Array[] = []
    const boundary = boundaryOf(headers.get('content-type')) ?? ''
    for await (const piece of firstFile(body as never, boundary)) parts.push(piece)
    expect([...Buffer.concat(parts)]).toEqual([0, 13, 10, 45, 45, 255])
  })

  it('passes over empty fields, and takes the first file', async () => {
    const empty = part('Content-Disposition: form-data; name="a"', '')
    expect(await read(`preamble\r\n${empty}${field}${file('one')}${file('two')}${end}`, 5)).toBe('one')
  })

  it.each([
    ['no file', field + end],
    ['nothing', ''],
    ['no boundary', 'x'.repeat(1_000)],
    ['a file that is cut off', file('content').slice(0, -6)],
    ['a head that does not end', `--${B}\r\n${'a: b\r\n'.repeat(20_000)}`],
    ['fields without end', field.repeat(5_000)],
  ])('refuses %s', async (_what, text) => {
    await expect(read(text, 1_000)).rejects.toMatchObject({ code: 'invalid_input' })
  })
})

describe('boundaryOf', () => {
  it.each([
    ['multipart/form-data; boundary=abc', 'abc'],
    ['multipart/form-data; boundary="a b"', 'a b'],
    ['application/json', null],
    ['multipart/form-data', null],
    ['multipart/mixed; boundary=abc', null],
    [null, null],
  ])('%s', (type, boundary) => expect(boundaryOf(type)).toBe(boundary))
})
