import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createFileOutput, createSocketOutput } from './line-output.ts'

let writer: Socket
let reader: Socket
beforeEach(async () => {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const connected = once(server, 'connection')
  writer = connect((server.address() as AddressInfo).port, '127.0.0.1')
  await once(writer, 'connect')
  ;[reader] = (await connected) as [Socket]
  server.close()
})
afterEach(() => {
  writer.destroy()
  reader.destroy()
})

const LINE = `${'x'.repeat(1_000)}\n`

/** All that comes until the writer ends. */
async function readAll(): Promise<string> {
  let text = ''
  reader.setEncoding('utf8').on('data', chunk => {
    text += chunk
  })
  reader.resume()
  await once(reader, 'end')
  return text
}

describe('an output', () => {
  it('gives a reader every line, in order', async () => {
    const output = createSocketOutput(writer)
    for (let n = 0; n < 100; n += 1) output.write(`line ${n}\n`)
    await output.drained(5_000)
    writer.end()
    expect((await readAll()).split('\n').slice(0, 100)).toEqual(
      Array.from({ length: 100 }, (_, n) => `line ${n}`),
    )
  })

  it('that nobody reads takes so much and no more, and says what it has dropped', async () => {
    const output = createSocketOutput(writer)
    for (let n = 0; n < 20_000; n += 1) output.write(LINE)
    expect(writer.writableLength).toBeLessThanOrEqual(1024 * 1024)
    const began = performance.now()
    await output.drained(50)
    expect(performance.now() - began).toBeLessThan(5_000)
    const drained = once(writer, 'drain')
    const read = readAll()
    await drained
    output.write('the next one\n')
    writer.end()
    const text = await read
    expect(text).toMatch(/"msg":"\d+ lines before this one were dropped"\}\nthe next one\n$/)
    expect(text.length).toBeLessThan(20_000 * LINE.length)
  })

  it('whose reader has gone is silent', async () => {
    const output = createSocketOutput(writer)
    reader.resetAndDestroy()
    await new Promise(resolve => writer.once('close', resolve))
    output.write(LINE)
    await output.drained(5_000)
  })

  it('on a full disk drops lines, and says so when there is room', () => {
    const written: string[] = []
    let isFull = false
    const output = createFileOutput(text => {
      if (isFull) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' })
      written.push(text)
    })
    output.write('a\n')
    isFull = true
    output.write('b\n')
    output.write('c\n')
    isFull = false
    output.write('d\n')
    expect(written).toEqual(['a\n', expect.stringContaining('2 lines before this one were dropped'), 'd\n'])
  })
})
