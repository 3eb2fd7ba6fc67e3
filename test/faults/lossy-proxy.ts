// Stands between a gateway and its database server, and does what networks do: refuses, delays, loses answers.
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface LossyProxy extends AsyncDisposable {
  url: string
  /** Requests are reset before they reach the server, until told otherwise. */
  refuse(refusing: boolean): void
  /** Answers come so much later, ms. */
  delay(ms: number): void
  /** The next request in which `what` occurs reaches the server, and its answer is thrown away with the connection. Resolves then. */
  loseAnswer(what: string): Promise<void>
  /**
   * The next request in which `what` occurs is kept back, and its connection reset. Resolves then, with what lets the server have
   * it after all, as a network may at any later time; that gives the server's answer.
   */
  keepBack(what: string): Promise<() => Promise<string>>
}

export async function createLossyProxy(target: string): Promise<LossyProxy> {
  let isRefusing = false
  let delayMs = 0
  let loser: { what: string; done(): void } | null = null
  let keeper: { what: string; done(release: () => Promise<string>): void } | null = null

  async function forward({ method = 'GET', url = '', headers }: IncomingMessage, body: Buffer) {
    const type = headers['content-type']
    return await fetch(target + url, {
      method,
      headers: type ? { 'content-type': type } : {},
      ...(body.length > 0 && { body }),
    })
  }

  async function serve(request: IncomingMessage, response: ServerResponse) {
    const reset = () => request.socket.resetAndDestroy()
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body = Buffer.concat(chunks)
    const matches = (one: { what: string } | null) => one !== null && body.includes(one.what)
    if (isRefusing) return reset()
    if (keeper && matches(keeper)) {
      const { done } = keeper
      keeper = null
      reset()
      return done(async () => (await forward(request, body)).text())
    }
    const losing = matches(loser) ? loser : null
    if (losing) loser = null
    const answer = await forward(request, body)
    const text = await answer.text()
    if (losing) {
      reset()
      return losing.done()
    }
    if (delayMs > 0) await new Promise(resolve => setTimeout(resolve, delayMs))
    if (isRefusing) return reset()
    response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' }).end(text)
  }

  const server = createServer((request, response) => {
    // A client that has gone is what this is for.
    serve(request, response).catch(() => request.socket.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    refuse(refusing) {
      isRefusing = refusing
    },
    delay(ms) {
      delayMs = ms
    },
    loseAnswer: what =>
      new Promise(done => {
        loser = { what, done }
      }),
    keepBack: what =>
      new Promise(done => {
        keeper = { what, done }
      }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}
