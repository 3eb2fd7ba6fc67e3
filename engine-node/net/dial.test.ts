import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { dialAddress, resolveHost, shareLookups } from './dial.ts'

let server: Server
beforeAll(async () => {
  server = createServer(socket => socket.end('hello')).listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterAll(() => void server.close())

const target = (change: Partial<Parameters<typeof dialAddress>[0]> = {}) => ({
  address: '127.0.0.1',
  port: (server.address() as AddressInfo).port,
  tls: false,
  host: 'example.com',
  signal: new AbortController().signal,
  ...change,
})

it('connects to the address and tells who answered', async () => {
  const { socket, remoteAddress } = await dialAddress(target())
  expect(remoteAddress).toBe('127.0.0.1')
  const [data] = await once(socket, 'data')
  expect(String(data)).toBe('hello')
  socket.destroy()
})

it('rejects when nobody speaks TLS there', async () => {
  await expect(dialAddress(target({ tls: true }))).rejects.toThrow()
})

it('rejects with the reason of the signal', async () => {
  const reason = new Error('too late')
  await expect(dialAddress(target({ signal: AbortSignal.abort(reason) }))).rejects.toBe(reason)
})

it('resolves names to all their addresses', async () => {
  expect(await resolveHost('localhost')).toContain('127.0.0.1')
})

it('asks for the certificate of the name, not of the address, and for HTTP/1.1', async () => {
  const hello = async (host: string) => {
    const { promise, resolve } = Promise.withResolvers<string>()
    const listener = createServer(socket => {
      socket.on('error', () => {})
      socket.once('data', data => {
        resolve(data.toString('latin1'))
        socket.destroy()
      })
    }).listen(0, '127.0.0.1')
    await once(listener, 'listening')
    const { port } = listener.address() as AddressInfo
    await expect(dialAddress(target({ tls: true, port, host }))).rejects.toThrow()
    listener.close()
    return await promise
  }
  const named = await hello('api.example.com')
  expect(named).toContain('api.example.com')
  // The extension whole (RFC 7301, section 3.1): its one protocol, and none beside it.
  expect(named).toContain('\u0000\u0010\u0000\u000b\u0000\u0009\u0008http/1.1')
  expect(await hello('127.0.0.1')).not.toContain('127.0.0.1')
})

it('shares a lookup that is under way, but not for ever, and remembers nothing', async () => {
  let now = 0
  const asked: PromiseWithResolvers<string[]>[] = []
  const resolve = shareLookups(
    () => {
      const asking = Promise.withResolvers<string[]>()
      asked.push(asking)
      return asking.promise
    },
    () => now,
  )
  const both = Promise.all([resolve('a.example'), resolve('a.example')])
  void resolve('b.example')
  expect(asked).toHaveLength(2)
  asked[0]?.resolve(['1.1.1.1'])
  expect(await both).toEqual([['1.1.1.1'], ['1.1.1.1']])
  const failing = resolve('a.example')
  expect(asked).toHaveLength(3)
  asked[2]?.reject(new Error('SERVFAIL'))
  await expect(failing).rejects.toThrow('SERVFAIL')
  now = 5_000
  void resolve('b.example')
  expect(asked).toHaveLength(4)
})
