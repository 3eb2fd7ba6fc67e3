import { connect, Socket } from 'node:net'
import { Hono } from 'hono'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import { createFakeClock } from '../test/support/fake-clock.ts'
import { createHandshakes } from './handshakes.ts'
import { serveApi, serveEngine } from './server.ts'
import { upgrade } from './web-socket.ts'

const uncaught: unknown[] = []
const listener = (error: unknown) => void uncaught.push(error)
beforeEach(() => {
  uncaught.length = 0
  process.on('uncaughtException', listener)
})
afterEach(() => {
  process.off('uncaughtException', listener)
})

const clock = createFakeClock()
const at = { host: '127.0.0.1', port: 0, clock }

/** Answers nothing before it is told to. */
function api() {
  const answer = Promise.withResolvers<void>()
  const app = new Hono()
  let asked = 0
  app.get('/refused', c => c.text('no', 401))
  app.get('/slow', async c => {
    asked += 1
    await answer.promise
    return c.text('no', 401)
  })
  const told: string[] = []
  app.get('/ws', c =>
    upgrade(c, {
      opened: socket => socket.send('hello'),
      message() {},
      closed: () => void told.push('closed'),
    }),
  )
  app.notFound(c => c.text('not here', 404))
  const open = () => serveApi({ app: { fetch: (r, env) => app.fetch(r, env as object) }, ...at })
  return { open, told, answer: answer.resolve, asked: () => asked }
}

const engine = () =>
  serveEngine({ handlers: {} as never, token: 'a token', log: { error() {} } as never, ...at })

const head = (path: string, kind: string, more = '') =>
  `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: ${kind}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n${more}\r\n`

/** A client that keeps its half of the connection open, whatever the server does. */
async function dial(port: number) {
  const socket: Socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  let heard = ''
  let isOver = false
  socket.on('data', data => {
    heard += data
  })
  socket.on('error', () => {
    isOver = true
  })
  await new Promise(resolve => socket.once('connect', resolve))
  return {
    socket,
    heard: () => heard,
    /** Whether the server has let go of it: whoever writes to it then is told. */
    isGone() {
      if (!isOver) socket.write('x')
      return isOver
    },
  }
}

describe.each([
  ['the API', () => api().open()],
  ['the engine', engine],
])('a client of %s', (_name, open) => {
  it.each([
    ['h2c', ''],
    ['h2c', 'x'.repeat(200_000)],
    ['websocket', ''],
    ['websocket', 'x'.repeat(200_000)],
    ['WebSocket', ''],
    ['websocket, h2c', ''],
    ['TLS/1.0', ''],
  ])('that asks for %s and resets ends nothing', async (kind, tail) => {
    await using server = await open()
    for (let round = 0; round < 5; round += 1) {
      const client = await dial(server.port)
      client.socket.write(head('/', kind) + tail)
      await vi.waitFor(() => expect(client.heard()).toMatch(/^HTTP\/1\.1 40[14]/))
      client.socket.resetAndDestroy()
      // Without waiting for the answer, too.
      const hasty = await dial(server.port)
      hasty.socket.write(head('/', kind) + tail, () => hasty.socket.resetAndDestroy())
    }
    expect((await fetch(`http://127.0.0.1:${server.port}/`)).ok).toBe(false)
    expect(uncaught).toEqual([])
  })

  it('that is refused and keeps its half open is cut off', async () => {
    await using server = await open()
    const client = await dial(server.port)
    client.socket.write(head('/refused', 'websocket'))
    await vi.waitFor(() => expect(client.heard()).toMatch(/^HTTP\/1\.1 401/))
    await vi.waitFor(() => expect(clock.pending).toBe(1))
    expect(client.isGone()).toBe(false)
    clock.advance(1_000)
    await vi.waitFor(() => expect(client.isGone()).toBe(true))
    expect(clock.pending).toBe(0)
  })
})

describe('a handshake', () => {
  it('that takes too long is cut off', async () => {
    const { open, asked, answer, told } = api()
    await using server = await open()
    const client = await dial(server.port)
    client.socket.write(head('/slow', 'websocket'))
    await vi.waitFor(() => expect(asked()).toBe(1))
    clock.advance(9_999)
    expect(client.isGone()).toBe(false)
    clock.advance(1)
    await vi.waitFor(() => expect(client.isGone()).toBe(true))
    answer()
    expect([uncaught, told, clock.pending]).toEqual([[], [], 0])
  })

  it('that is reset before its answer is no error', async () => {
    const { open, asked, answer } = api()
    await using server = await open()
    const client = await dial(server.port)
    client.socket.write(head('/slow', 'websocket'))
    await vi.waitFor(() => expect(asked()).toBe(1))
    client.socket.resetAndDestroy()
    await vi.waitFor(() => expect(clock.pending).toBe(0))
    answer()
    expect((await fetch(`http://127.0.0.1:${server.port}/refused`)).status).toBe(401)
    expect(uncaught).toEqual([])
  })

  it.each([
    ['without a key', 'GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'],
    ['of another version', head('/ws', 'websocket').replace('Version: 13', 'Version: 7')],
    ['with a short key', head('/ws', 'websocket').replace('AAAAAAAA', '')],
  ])('%s is refused, and its handler hears that it is over', async (_name, text) => {
    const { open, told } = api()
    await using server = await open()
    const client = await dial(server.port)
    client.socket.write(text)
    await vi.waitFor(() => expect(client.heard()).toMatch(/^HTTP\/1\.1 4/))
    clock.advance(1_000)
    await vi.waitFor(() => expect(client.isGone()).toBe(true))
    await vi.waitFor(() => expect(told).toEqual(['closed']))
    expect([uncaught, clock.pending]).toEqual([[], 0])
  })

  it('that is done is bound to no time', async () => {
    const { open, told } = api()
    await using server = await open()
    const client = new WebSocket(`ws://127.0.0.1:${server.port}/ws`)
    expect(await new Promise(resolve => client.on('message', data => resolve(String(data))))).toBe('hello')
    expect(clock.pending).toBe(0)
    clock.advance(60_000)
    expect(client.readyState).toBe(WebSocket.OPEN)
    client.terminate()
    await vi.waitFor(() => expect(told).toEqual(['closed']))
  })

  it('does not keep a server that stops', async () => {
    const { open, asked } = api()
    const server = await open()
    const client = await dial(server.port)
    client.socket.write(head('/slow', 'websocket'))
    await vi.waitFor(() => expect(asked()).toBe(1))
    const closed = server[Symbol.asyncDispose]()
    clock.advance(5_000)
    await closed
    await vi.waitFor(() => expect(clock.pending).toBe(0))
  })
})

it('a socket that nobody else listens to has an error of its own, before and after', () => {
  const handshakes = createHandshakes(clock)
  const socket = new Socket()
  handshakes.begin(socket)
  expect(socket.emit('error', new Error('read ECONNRESET'))).toBe(true)
  handshakes.end(socket)
  expect(socket.emit('error', new Error('read ECONNRESET'))).toBe(true)
  expect(clock.pending).toBe(0)
})

it('takes no more connections than it may', async () => {
  await using server = await serveApi({ app: { fetch: () => new Response() }, ...at, maxConnections: 2 })
  const [one, two] = [await dial(server.port), await dial(server.port)]
  const third = await dial(server.port)
  await new Promise(resolve =>
    third.socket
      .on('close', resolve)
      .resume()
      .once('end', () => third.socket.end()),
  )
  expect(third.heard()).toBe('')
  one.socket.destroy()
  await vi.waitFor(async () => expect((await fetch(`http://127.0.0.1:${server.port}/`)).ok).toBe(true))
  two.socket.destroy()
})
