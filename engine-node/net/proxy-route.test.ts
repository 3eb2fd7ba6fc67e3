import { createServer } from 'node:http'
import { createServer as createTlsServer, request } from 'node:https'
import type { AddressInfo } from 'node:net'
import { fetch } from 'undici'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { GatewayError } from '../../src/contract/errors.ts'
import { createTlsAuthority } from '../../test/whatsapp/tls-authority.ts'
import { createClock } from '../clock.ts'
import { createGuardedFetch } from './guarded-fetch.ts'
import { httpProxy, socks4Proxy, socksProxy, type TestProxy } from './proxy.fixtures.ts'
import { createProxyRoute } from './proxy-route.ts'

const authority = createTlsAuthority()
const opened: AsyncDisposable[] = []
let plain: number
let secure: number

beforeEach(async () => {
  const server = createServer((_ask, answer) => answer.end('plain'))
  const secured = createTlsServer({ key: authority.key, cert: authority.cert }, (_ask, answer) =>
    answer.end('secure'),
  )
  const sockets = [new WebSocketServer({ server }), new WebSocketServer({ server: secured })]
  for (const each of sockets)
    each.on('connection', socket => socket.on('message', data => socket.send(`heard ${data}`)))
  for (const each of [server, secured]) {
    await new Promise<void>(resolve => each.listen(0, '127.0.0.1', resolve))
    opened.push({
      async [Symbol.asyncDispose]() {
        for (const { clients } of sockets) for (const client of clients) client.terminate()
        each.closeAllConnections()
        await new Promise(resolve => each.close(resolve))
      },
    })
  }
  plain = (server.address() as AddressInfo).port
  secure = (secured.address() as AddressInfo).port
})
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each[Symbol.asyncDispose]()
})

const proxies: Record<string, () => Promise<TestProxy>> = {
  http: () => httpProxy(),
  'http with a user': () => httpProxy({ user: 'us er', password: 'p@ss' }),
  https: () => httpProxy({ tls: authority }),
  socks4: () => socks4Proxy({ user: 'user' }),
  socks5: () => socksProxy(),
  'socks5 with a user': () => socksProxy({ user: 'user', password: 'pass' }),
}

async function open(make: () => Promise<TestProxy>) {
  const proxy = await make()
  opened.push(proxy)
  const url = proxy.url.replace('us er', 'us%20er').replace('p@ss', 'p%40ss')
  return { proxy, route: createProxyRoute(url, { ca: authority.ca }) }
}

describe.each(Object.entries(proxies))('a %s proxy', (_name, make) => {
  it('carries fetch, uploads and WebSockets, and resolves their names', async () => {
    const { proxy, route } = await open(make)
    const { dispatcher } = route
    expect(await (await fetch(`http://localhost:${plain}/`, { dispatcher })).text()).toBe('plain')
    expect(await (await fetch(`https://localhost:${secure}/`, { dispatcher })).text()).toBe('secure')
    const uploaded = new Promise<string>((resolve, reject) => {
      request({ host: 'localhost', port: secure, method: 'POST', agent: route.agent }, answer => {
        answer.setEncoding('utf8').once('data', resolve)
      })
        .on('error', reject)
        .end('file')
    })
    expect(await uploaded).toBe('secure')
    for (const url of [`ws://localhost:${plain}`, `wss://localhost:${secure}`]) {
      const socket = new WebSocket(url, { agent: route.socketAgent(url) })
      const answer = await new Promise((resolve, reject) => {
        socket
          .on('error', reject)
          .on('open', () => socket.send('hi'))
          .on('message', data => resolve(String(data)))
      })
      expect(answer).toBe('heard hi')
      socket.terminate()
    }
    expect(new Set(proxy.targets)).toEqual(new Set([`localhost:${plain}`, `localhost:${secure}`]))
    await route.dispatcher.destroy()
    route.agent.destroy()
  })
})

describe.each(Object.entries(proxies))('a %s proxy', (_name, make) => {
  it('carries the guarded fetch to the address that was judged', async () => {
    const { proxy, route } = await open(make)
    const guarded = createGuardedFetch({
      resolve: async () => ['127.0.0.1'],
      dial: route.dial,
      allowedHosts: ['localhost'],
      clock: createClock(),
    })
    const text = async (url: string) =>
      Buffer.from(
        (await guarded({ url, hosts: 'any-public', timeoutMs: 3_000, maxBytes: 1_000 })).body,
      ).toString()
    expect(await text(`http://localhost:${plain}/`)).toBe('plain')
    expect(await text(`https://localhost:${secure}/`)).toBe('secure')
    expect(proxy.targets).toEqual([`127.0.0.1:${plain}`, `127.0.0.1:${secure}`])
  })
})

describe('a proxy that looks names up', () => {
  it('is given the name of a host that the request lists, and of no other', async () => {
    const { proxy, route } = await open(() => socksProxy())
    const guarded = createGuardedFetch({
      resolve: null,
      dial: route.dial,
      allowedHosts: [],
      clock: createClock(),
    })
    const ask = (url: string, hosts: string[] | 'any-public') =>
      guarded({ url, hosts, httpsOnly: true, timeoutMs: 3_000, maxBytes: 1_000 })
    const host = `mmg.example.com:${secure}`
    // The proxy of this test knows no such name, and says so.
    await expect(ask(`https://${host}/`, [host])).rejects.toBeInstanceOf(GatewayError)
    expect(proxy.targets).toEqual([host])
    await expect(ask(`https://${host}/`, 'any-public')).rejects.toMatchObject({ code: 'address_blocked' })
    await expect(ask('https://127.0.0.1/', ['127.0.0.1'])).rejects.toMatchObject({ code: 'address_blocked' })
    expect(proxy.targets).toEqual([host])
  })
})

describe('a proxy', () => {
  it.each([
    ['http', () => httpProxy({ user: 'user', password: 'pass' })],
    ['socks5', () => socksProxy({ user: 'user', password: 'pass' })],
    ['socks4', () => socks4Proxy({ user: 'user' })],
  ])('%s that refuses its credentials is told apart', async (_name, make) => {
    const proxy = await make()
    opened.push(proxy)
    const { dispatcher } = createProxyRoute(proxy.url.replace(/(pass|(?<=:\/\/)user)@/, 'other@'))
    const failed = await fetch(`http://localhost:${plain}/`, { dispatcher }).catch(
      (error: Error) => error.cause,
    )
    expect(failed).toMatchObject({
      code: 'proxy_failed',
      message: expect.stringContaining('credentials'),
    })
  })

  it('that is not there is an error, and nothing goes around it', async () => {
    const proxy = await httpProxy()
    await proxy[Symbol.asyncDispose]()
    const { dispatcher } = createProxyRoute(proxy.url)
    await expect(fetch(`http://localhost:${plain}/`, { dispatcher })).rejects.toThrow()
  })
})
