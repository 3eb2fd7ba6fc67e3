// Requests per second of the API with a key, against bare Hono that gives the same answer on the same machine.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Hono } from 'hono'
import { startGateway } from '../../engine-node/main.ts'
import { serveApi } from '../../engine-node/server.ts'
import { readSettings } from '../../engine-node/settings.ts'
import { type Bench, percentile } from './figure.ts'
import { measureThroughput } from './load.ts'

const ROUNDS = 5
const DURATION_MS = 2_000
const CONNECTIONS = 64

/** The first is the way through limits, key, role and validation alone; that is what the goal is about. */
const cases = [
  {
    name: 'key checked, no query',
    method: 'POST',
    path: '/api/auth/validate',
    goal: { of: 'ratio', atLeast: 0.7 },
  },
  { name: 'key checked, sessions listed', method: 'GET', path: '/api/sessions', goal: null },
] as const

const median = (rates: readonly number[]) => percentile(rates, 0.5)

export const apiThroughput: Bench = {
  name: 'api-throughput',
  about: 'API requests per second with a key, against bare Hono',
  async run() {
    const folder = mkdtempSync(join(tmpdir(), 'wharf-bench-'))
    await using stack = new AsyncDisposableStack()
    stack.defer(() => rmSync(folder, { recursive: true, force: true }))
    const unlimited = String(1e9)
    const settings = readSettings({
      DATA_DIR: folder,
      PORT: '0',
      LOG_LEVEL: 'error',
      WHATSAPP_URL: 'ws://127.0.0.1:9/',
      RATE_LIMIT_SHORT_LIMIT: unlimited,
      RATE_LIMIT_MEDIUM_LIMIT: unlimited,
      RATE_LIMIT_LONG_LIMIT: unlimited,
    })
    const gateway = stack.use(await startGateway(settings, { print() {} }))
    const headers = { 'X-API-Key': gateway.firstKey ?? '' }
    const bare = new Hono()
    for (const { method, path } of cases) {
      const answer = await (await fetch(`${gateway.url}${path}`, { method, headers })).json()
      bare.on(method, path, c => c.json(answer))
    }
    const bareServer = stack.use(await serveApi({ app: bare, host: '127.0.0.1', port: 0 }))
    const port = Number(new URL(gateway.url).port)

    const figures = []
    for (const { name, method, path, goal } of cases) {
      const load = { method, path, connections: CONNECTIONS, durationMs: DURATION_MS }
      const rates = { ours: [] as number[], bare: [] as number[] }
      // In turns, so that a busy moment of the machine falls on both.
      for (let round = 0; round < ROUNDS; round += 1) {
        rates.ours.push(await measureThroughput({ ...load, port, headers }))
        rates.bare.push(await measureThroughput({ ...load, port: bareServer.port, headers: {} }))
      }
      figures.push({
        name: `API, 64 connections, ${name}`,
        value: median(rates.ours),
        unit: 'req/s',
        baseline: median(rates.bare),
        goal,
      })
    }
    return figures
  },
}
