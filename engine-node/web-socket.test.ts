import { Hono } from 'hono'
import { describe, expect, it, vi } from 'vitest'
import { WebSocket } from 'ws'
import { serveApi } from './server.ts'
import { upgrade } from './web-socket.ts'

async function start() {
  const told: string[] = []
  const app = new Hono()
  app.get('/ws', c =>
    upgrade(c, {
      opened: socket => socket.send(`waiting ${socket.waiting?.()}`),
      message: text => void told.push(text),
      closed: () => void told.push('closed'),
    }),
  )
  const server = await serveApi({
    app: { fetch: (request, env) => app.fetch(request, env as object) },
    host: '127.0.0.1',
    port: 0,
  })
  const client = new WebSocket(`ws://127.0.0.1:${server.port}/ws`)
  const closed = new Promise<number>(resolve => client.on('close', resolve))
  const hello = await new Promise(resolve => client.on('message', data => resolve(String(data))))
  return { server, client, closed, hello, told }
}

describe('a socket on Node', () => {
  it('is told to go when the server stops, which does not wait for it', async () => {
    const { server, closed, hello, told } = await start()
    expect(hello).toBe('waiting 0')
    const began = performance.now()
    await server[Symbol.asyncDispose]()
    expect(await closed).toBe(1001)
    await vi.waitFor(() => expect(told).toEqual(['closed']))
    expect(performance.now() - began).toBeLessThan(4_000)
  })

  it('is cut off for a message that no client has to send', async () => {
    const { server, client, closed, told } = await start()
    client.send('ack')
    client.send('x'.repeat(5_000))
    expect(await closed).toBe(1009)
    await server[Symbol.asyncDispose]()
    expect(told[0]).toBe('ack')
    expect(told).not.toContain('x'.repeat(5_000))
  })
})
