// A load generator that costs little: raw sockets, one request in flight on each, in a process of its own so that it
// does not take the server's event loop. Started by `measureThroughput`.
import { fork } from 'node:child_process'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'

interface Load {
  method?: 'GET' | 'POST'
  port: number
  path: string
  headers: Record<string, string>
  connections: number
  durationMs: number
}

/** Requests per second that a server on loopback answers with 200. Rejects when it answers anything else. */
export async function measureThroughput(load: Load): Promise<number> {
  const child = fork(fileURLToPath(import.meta.url), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const answer = new Promise<number>((resolve, reject) => {
    child.once('message', result =>
      typeof result === 'number' ? resolve(result) : reject(new Error(String(result))),
    )
    child.once('exit', code => reject(new Error(`the load generator ended with ${code}`)))
  })
  child.send(load)
  return answer.finally(() => child.kill())
}

/** Runs in the child: keeps every connection busy until the time is over. */
async function generate({
  method = 'GET',
  port,
  path,
  headers,
  connections,
  durationMs,
}: Load): Promise<number> {
  const head = Object.entries({ Host: `127.0.0.1:${port}`, ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  )
  const request = Buffer.from(`${method} ${path} HTTP/1.1\r\n${head.join('')}\r\n`)
  let answered = 0
  const end = performance.now() + durationMs
  const one = () =>
    new Promise<void>((resolve, reject) => {
      const socket = connect(port, '127.0.0.1', () => socket.write(request))
      let text = ''
      socket.setNoDelay(true)
      socket.on('data', chunk => {
        text += chunk.toString('latin1')
        const headEnd = text.indexOf('\r\n\r\n')
        if (headEnd < 0) return
        const length = /content-length: (\d+)/i.exec(text)
        if (!length) return reject(new Error(`an answer without length: ${text.slice(0, headEnd)}`))
        if (text.length < headEnd + 4 + Number(length[1])) return
        if (!text.startsWith('HTTP/1.1 200')) return reject(new Error(text))
        text = ''
        answered += 1
        if (performance.now() < end) socket.write(request)
        else socket.end(resolve)
      })
      socket.on('error', reject)
    })
  const start = performance.now()
  await Promise.all(Array.from({ length: connections }, one))
  return answered / ((performance.now() - start) / 1000)
}

if (process.send && import.meta.main)
  process.once('message', load => {
    generate(load as Load).then(
      rate => process.send?.(rate),
      error => process.send?.(String(error)),
    )
  })
