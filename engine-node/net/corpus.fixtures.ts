// The network of the corpus: a resolver that answers from a case, and a connector that leads every dial to a server of the
// test, which speaks the case's responses. Nothing outside this process is ever reached.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { createFakeClock } from '../../test/support/fake-clock.ts'
import type { Dial, DialTarget, Resolve } from './dial.ts'
import { createGuardedFetch } from './guarded-fetch.ts'

export interface ScriptedResponse {
  status: number
  location?: string | null
  headers?: Record<string, string>
  body?: string | Uint8Array
  bodyBytes?: number
  drip?: string
  repeat?: string
}

export interface NetworkCase {
  dns?: Record<string, string[][] | 'SERVFAIL' | 'TIMEOUT'>
  responses?: ScriptedResponse[]
  socketRemoteAddress?: string
  allowedHosts?: string[]
  /** Addresses where nobody listens. */
  dead?: string[]
}

export const TIMEOUT_MS = 30_000

/** Opens the network of one case; `dialled`, `lookups` and `received` tell what left the guard. */
export async function openNetwork(setup: NetworkCase) {
  const clock = createFakeClock()
  const dialled: Omit<DialTarget, 'signal'>[] = []
  const lookups: string[] = []
  const received: string[] = []
  let sentBytes = 0
  const sockets = new Set<Socket>()
  const responses = [...(setup.responses ?? [{ status: 200 }])]

  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    let text = ''
    let isAnswered = false
    socket.on('data', chunk => {
      text += chunk.toString('latin1')
      const [head = '', body = ''] = text.split('\r\n\r\n')
      const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0)
      if (isAnswered || !text.includes('\r\n\r\n') || body.length < length) return
      isAnswered = true
      received.push(text)
      const next = responses.shift()
      if (next) void answer(socket, next)
      else socket.destroy()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')

  async function answer(socket: Socket, response: ScriptedResponse) {
    const lines = Object.entries(response.headers ?? {}).map(([name, value]) => `${name}: ${value}\r\n`)
    if (response.location) lines.push(`Location: ${response.location}\r\n`)
    const head = `HTTP/1.1 ${response.status} X\r\n${lines.join('')}`
    if (response.repeat) {
      // Informational answers for as long as anybody listens; time passes once some have arrived.
      for (let count = 0; count < 50; count += 1) await write(socket, `${head}\r\n`)
      return clock.advance(TIMEOUT_MS)
    }
    if (response.drip) {
      await write(socket, `${head}\r\nx`)
      return clock.advance(TIMEOUT_MS)
    }
    await write(socket, `${head}\r\n`)
    if (response.body !== undefined) await write(socket, response.body)
    const block = Buffer.alloc(64 * 1024)
    for (let left = response.bodyBytes ?? 0; left > 0 && socket.writable; left -= block.length) {
      await write(socket, block)
      sentBytes += block.length
    }
    socket.end()
  }

  const resolve: Resolve = async host => {
    const rounds = setup.dns?.[host] ?? setup.dns?.['*'] ?? []
    const round = lookups.filter(name => name === host).length
    lookups.push(host)
    if (rounds === 'SERVFAIL') throw Object.assign(new Error('queryA ESERVFAIL'), { code: 'ESERVFAIL' })
    if (rounds === 'TIMEOUT') {
      queueMicrotask(() => clock.advance(TIMEOUT_MS))
      return new Promise(() => {})
    }
    return rounds[Math.min(round, rounds.length - 1)] ?? []
  }

  const dial: Dial = async ({ signal, ...target }) => {
    dialled.push(target)
    if (setup.dead?.includes(target.address)) throw new Error('connect ECONNREFUSED')
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    sockets.add(socket)
    socket.on('error', () => {})
    await once(socket, 'connect', { signal })
    return { socket, remoteAddress: setup.socketRemoteAddress ?? target.address }
  }

  return {
    fetch: createGuardedFetch({ resolve, dial, allowedHosts: setup.allowedHosts ?? [], clock }),
    clock,
    dialled,
    lookups,
    received,
    sentBytes: () => sentBytes,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Resolves when the bytes are taken, or when nobody takes them any more. */
function write(socket: Socket, data: string | Uint8Array): Promise<void> {
  return new Promise(done => {
    if (!socket.writable) return done()
    const finish = () => {
      socket.off('close', finish)
      done()
    }
    socket.once('close', finish)
    socket.write(data, finish)
  })
}
