import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { createFakeClock } from '../../test/support/fake-clock.ts'
import { createGuardedFetch } from './guarded-fetch.ts'
import { createKeptConnections } from './kept-connections.ts'
import type { FetchRequest } from './request.ts'

type Answer = (request: IncomingMessage, response: ServerResponse) => void

const stack = new Set<() => void>()
afterEach(() => {
  for (const undo of stack) undo()
  stack.clear()
})

/** A receiver that keeps its connections, and a guard in front of it whose names resolve as `dns` says at the time. */
async function open(answer: Answer = (_request, response) => response.end('ok')) {
  const clock = createFakeClock()
  const received: { port: number | undefined; header: string | undefined }[] = []
  const server = createServer((request, response) => {
    received.push({ port: request.socket.remotePort, header: request.headers.connection })
    request.resume()
    request.once('end', () => answer(request, response))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  stack.add(() => {
    server.closeAllConnections()
    server.close()
  })
  const dns: Record<string, string[]> = {
    'a.example.com': ['93.184.216.34'],
    'b.example.com': ['93.184.216.34'],
  }
  const lookups: string[] = []
  const dialled: string[] = []
  const sockets: Socket[] = []
  const kept = createKeptConnections({ clock })
  /** Called when a request has just taken a connection. */
  const net = { onTake: () => {} }
  stack.add(() => kept[Symbol.dispose]())
  const fetch = createGuardedFetch({
    async resolve(host) {
      lookups.push(host)
      return dns[host] ?? []
    },
    async dial({ address }) {
      dialled.push(address)
      const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
      socket.on('error', () => {})
      sockets.push(socket)
      await once(socket, 'connect')
      return { socket, remoteAddress: address }
    },
    allowedHosts: [],
    clock,
    kept: {
      ...kept,
      take(place) {
        const taken = kept.take(place)
        if (taken) net.onTake()
        return taken
      },
    },
  })
  const post = (change: Partial<FetchRequest> = {}) =>
    fetch({
      url: 'http://a.example.com/hook',
      method: 'POST',
      body: 'event',
      hosts: 'any-public',
      timeoutMs: 15_000,
      maxBytes: 1_000,
      keep: 'one',
      ...change,
    })
  return Object.assign(net, { clock, received, dns, lookups, dialled, sockets, kept, post })
}

const closed = (socket: Socket | undefined) =>
  socket === undefined || socket.destroyed ? Promise.resolve() : once(socket, 'close').then(() => {})

describe('a kept connection', () => {
  it('serves the next requests of its owner, each judged again', async () => {
    const net = await open()
    for (let count = 0; count < 3; count += 1) expect((await net.post()).status).toBe(200)
    expect(net.dialled).toEqual(['93.184.216.34'])
    expect(net.lookups).toHaveLength(3)
    expect(net.received.map(({ header }) => header)).toEqual(Array(3).fill('keep-alive'))
    expect(new Set(net.received.map(({ port }) => port)).size).toBe(1)
  })

  it('helps no request whose host leads to a closed place by now', async () => {
    const net = await open()
    await net.post()
    net.dns['a.example.com'] = ['10.0.0.1']
    await expect(net.post()).rejects.toMatchObject({ code: 'address_blocked', certain: true })
    net.dns['a.example.com'] = []
    await expect(net.post()).rejects.toMatchObject({ code: 'transport_failed', certain: true })
    expect(net.received).toHaveLength(1)
  })

  it('serves exactly the address that the next request was judged by', async () => {
    const net = await open()
    await net.post()
    net.dns['a.example.com'] = ['1.1.1.1']
    await net.post()
    expect(net.dialled).toEqual(['93.184.216.34', '1.1.1.1'])
    net.dns['a.example.com'] = ['8.8.8.8', '93.184.216.34']
    await net.post()
    expect(net.dialled).toHaveLength(2)
  })

  it.each<[string, Partial<FetchRequest>]>([
    ['another owner', { keep: 'two' }],
    ['another host at the same address', { url: 'http://b.example.com/hook' }],
    ['another port', { url: 'http://a.example.com:8080/hook' }],
    ['a request that keeps none', { keep: undefined }],
  ])('serves not %s', async (_name, change) => {
    const net = await open()
    await net.post()
    await net.post(change)
    expect(net.dialled).toHaveLength(2)
    const other = await open()
    await other.post(change)
    await other.post()
    expect(other.dialled).toHaveLength(2)
  })

  it('serves one request at a time', async () => {
    const net = await open()
    await Promise.all([net.post(), net.post(), net.post()])
    expect(net.dialled).toHaveLength(3)
    await Promise.all([net.post(), net.post()])
    expect(net.dialled).toHaveLength(3)
  })

  it('is dialled anew where the other side has ended it, and the request is sent once', async () => {
    const net = await open()
    await net.post()
    net.sockets[0]?.destroy()
    await closed(net.sockets[0])
    await net.post()
    // Ended while the next request is already on it: before a byte of it was written.
    net.onTake = () => net.sockets[1]?.destroy()
    expect((await net.post()).status).toBe(200)
    expect([net.received.length, net.dialled.length]).toEqual([3, 3])
  })

  it('makes no second request of one that has been written', async () => {
    const net = await open((request, response) => {
      if (net.received.length === 1) response.end('ok')
      else request.socket.destroy()
    })
    await net.post()
    await expect(net.post()).rejects.toMatchObject({ code: 'transport_failed', certain: false })
    expect([net.received.length, net.dialled.length]).toEqual([2, 1])
  })

  it.each<[string, Answer]>([
    ['says that it is the last', (_request, response) => response.setHeader('connection', 'close').end('ok')],
    ['leads elsewhere', (_request, response) => response.writeHead(302, { location: '/b' }).end()],
    ['is too large', (_request, response) => response.end('x'.repeat(5_000))],
    [
      'has an encoding that is not read',
      (_request, response) => response.setHeader('content-encoding', 'x').end('x'),
    ],
  ])('ends with an answer that %s', async (_name, answer) => {
    const net = await open(answer)
    await net.post().catch(() => {})
    await closed(net.sockets[0])
    await net.post().catch(() => {})
    expect([net.received.length, net.dialled.length]).toEqual([2, 2])
  })

  it('ends when it has lain unused, when it is old, and with its owner', async () => {
    const net = await open()
    await net.post()
    net.clock.advance(1_500)
    await closed(net.sockets[0])
    for (let seconds = 0; seconds < 61; seconds += 1) {
      await net.post()
      net.clock.advance(1_000)
    }
    expect(net.dialled.length).toBe(3)
    await net.post()
    net.kept[Symbol.dispose]()
    await Promise.all(net.sockets.map(closed))
    expect(net.clock.pending).toBe(0)
  })
})
