// The whole gateway as its users run it: a process of its own, on a data folder, spoken to over HTTP.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../engine-node/main.ts', import.meta.url))
const START_TIMEOUT_MS = 20_000

export interface GatewayProcess extends AsyncDisposable {
  url: string
  pid: number
  /** The first admin key, from the file that the start text names. */
  key: string
  /** Everything it has printed: standard output and its log. */
  output(): string
  /** A request with the admin key, unless `key` says otherwise (null: none). JSON in and out. */
  ask(
    method: string,
    path: string,
    body?: unknown,
    options?: { key?: string | null; headers?: Record<string, string> },
  ): Promise<Answer>
  /** Resolves with the exit code when it is gone; null when a signal has ended it. */
  readonly ended: Promise<number | null>
  /** SIGKILL, and wait until it is gone. */
  kill(): Promise<void>
  /** SIGTERM; resolves with the exit code. */
  stop(): Promise<number | null>
}

export interface Answer {
  status: number
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects, and fails where it is not there.
  body: any
  headers: Headers
}

interface Options {
  dataDir: string
  whatsappUrl: string
  env?: Record<string, string>
  /** A command that ends by becoming the one that follows it: to give the gateway another world than ours. */
  through?: readonly string[]
}

/** Starts it and waits until it listens. Rejects with its output when it ends before that. */
export async function startGateway({ env = {}, ...options }: Options): Promise<GatewayProcess> {
  const { dataDir } = options
  const child = spawnGateway({ ...options, env })
  const output = collect(child)
  const url = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => fail('did not listen in time'), START_TIMEOUT_MS)
    const fail = (why: string) => {
      clearTimeout(timer)
      child.kill('SIGKILL')
      reject(new Error(`the gateway ${why}:\n${output()}`))
    }
    const early = (code: number | null) => fail(`ended with ${code}`)
    child.once('exit', early)
    child.stdout?.on('data', () => {
      const found = /listens on (http:\S+)/.exec(output())
      if (!found?.[1]) return
      clearTimeout(timer)
      child.off('exit', early)
      resolve(found[1])
    })
  })
  const keyFile = join(dataDir, '.api-key')
  const key = existsSync(keyFile) ? readFileSync(keyFile, 'utf8').trim() : (env.API_MASTER_KEY ?? '')

  async function end(signal: NodeJS.Signals): Promise<number | null> {
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode
    const ended = once(child, 'exit')
    child.kill(signal)
    return (await ended)[0]
  }

  const ended = once(child, 'exit').then(([code]: (number | null)[]) => code ?? null)

  return {
    url,
    pid: child.pid ?? 0,
    key,
    output,
    ended,
    async ask(method, path, body, options = {}) {
      const used = options.key === undefined ? key : options.key
      const response = await fetch(`${url}/api${path}`, {
        method,
        headers: {
          ...(used === null ? {} : { 'X-API-Key': used }),
          ...(body === undefined || body instanceof FormData ? {} : { 'Content-Type': 'application/json' }),
          ...options.headers,
        },
        ...(body === undefined ? {} : { body: body instanceof FormData ? body : JSON.stringify(body) }),
      })
      const text = await response.text()
      const json = response.headers.get('content-type')?.includes('json')
      return { status: response.status, body: json ? JSON.parse(text) : text, headers: response.headers }
    },
    kill: async () => void (await end('SIGKILL')),
    stop: () => end('SIGTERM'),
    [Symbol.asyncDispose]: async () => void (await end('SIGKILL')),
  }
}

/** The process alone, for starts that must fail. */
export function spawnGateway({ dataDir, whatsappUrl, env = {}, through = [] }: Options): ChildProcess {
  const [program = '', ...args] = [
    ...through,
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    MAIN,
  ]
  return spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH ?? '',
      DATA_DIR: dataDir,
      PORT: '0',
      WHATSAPP_URL: whatsappUrl,
      RATE_LIMIT_SHORT_LIMIT: '1000',
      RATE_LIMIT_MEDIUM_LIMIT: '10000',
      // A person's pace, which no test of anything else should wait for.
      SIMULATE_TYPING: 'false',
      ...env,
    },
  })
}

/** Gathers what a process prints on both of its outputs. */
export function collect(child: ChildProcess): () => string {
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', chunk => {
      text += chunk
    })
  return () => text
}

/** Asks again until the answer is the wanted one; a fault of the gateway shows as the last answer in the error. */
export async function until<T>(
  ask: () => Promise<T>,
  wanted: (answer: T) => boolean,
  timeoutMs = 15_000,
): Promise<T> {
  const end = Date.now() + timeoutMs
  for (;;) {
    const answer = await ask()
    if (wanted(answer)) return answer
    if (Date.now() > end)
      throw new Error(`waited ${timeoutMs} ms; the last answer was ${JSON.stringify(answer)}`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}
