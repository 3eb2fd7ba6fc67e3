// The outbox killed at every point of a delivery, and at random: nothing is lost, nothing changes its id, each chat keeps its
// order.
import { type ChildProcess, spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { until } from '../support/gateway.ts'

const PROCESS = fileURLToPath(new URL('./outbox-process.ts', import.meta.url))
const CHATS = 4

interface Post {
  n: number
  chatId: string
  webhookId: string
  deliveryId: string
  retryCount: number
  isSigned: boolean
}

let folder: string
let receiver: Server
let posts: Map<string, Post[]>
/** The status for the n-th post to a path, and after how long, if ever. */
let answers: Record<string, (count: number) => { status: number; afterMs?: number } | 'never'>
let children: ChildProcess[]

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'wharf-kill-'))
  posts = new Map()
  answers = {}
  children = []
  receiver = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer)
    } catch {
      // A process that is killed while it sends leaves half a request behind: that is no delivery.
      return
    }
    const body = Buffer.concat(chunks)
    const { data, deliveryId } = JSON.parse(body.toString())
    const seen = posts.get(request.url ?? '') ?? []
    posts.set(request.url ?? '', seen)
    const mac = createHmac('sha256', 'a secret of OpenWA').update(body).digest('hex')
    seen.push({
      n: Number(data.id),
      chatId: data.chatId,
      webhookId: String(request.headers['webhook-id']),
      deliveryId,
      retryCount: Number(request.headers['x-openwa-retry-count']),
      isSigned: request.headers['x-openwa-signature'] === `sha256=${mac}`,
    })
    const answer = answers[request.url ?? '']?.(seen.length) ?? { status: 200 }
    if (answer === 'never') return
    const { status, afterMs = 0 } = answer
    setTimeout(() => response.writeHead(status).end(), afterMs)
  })
  receiver.listen(0, '127.0.0.1')
  await once(receiver, 'listening')
})

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL')
  receiver.closeAllConnections()
  await new Promise(resolve => receiver.close(resolve))
  rmSync(folder, { recursive: true, force: true })
})

function start(plan: {
  paths?: string[]
  to: number
  everyMs?: number
  fault?: string
  unnoted?: number
  noteMs?: number
  speed?: number
}) {
  const base = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`
  const given = {
    folder,
    urls: (plan.paths ?? ['/good']).map(path => base + path),
    to: plan.to,
    everyMs: plan.everyMs ?? 0,
    fault: plan.fault ?? null,
    unnoted: plan.unnoted ?? null,
    noteMs: plan.noteMs ?? 0,
    speed: plan.speed ?? 50,
  }
  const child = spawn(process.execPath, [PROCESS, JSON.stringify(given)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  let durable = 0
  child.stdout.on('data', chunk => {
    for (const line of String(chunk).trim().split('\n')) durable = Number(line) + 1
  })
  return {
    /** How many events are known to be stored. */
    get durable() {
      return durable
    },
    ended: once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>,
    kill: () => child.kill('SIGKILL'),
  }
}

/**
 * Every event at least once; of each the same ids; each chat in order. After a kill what was not noted yet comes again, from its
 * first on: a step is to the next one, or back to one that was there. Gives how many steps back there were in a chat at most.
 */
function expectWhole(path: string, total: number): number {
  const seen = posts.get(path) ?? []
  expect(new Set(seen.map(({ n }) => n)).size).toBe(total)
  expect(seen.every(({ isSigned }) => isSigned)).toBe(true)
  for (let n = 0; n < total; n += 1) {
    const same = seen.filter(post => post.n === n)
    expect(new Set(same.map(({ webhookId, deliveryId }) => `${webhookId} ${deliveryId}`)).size).toBe(1)
  }
  let most = 0
  for (let chat = 0; chat < CHATS; chat += 1) {
    const order = seen.filter(({ chatId }) => chatId === `${chat}@c.us`).map(({ n }) => n)
    let steps = 0
    for (const [index, n] of order.entries()) {
      if (index === 0) continue
      const before = order[index - 1] ?? 0
      expect(n).toBeLessThanOrEqual(before + CHATS)
      if (n <= before) steps += 1
    }
    most = Math.max(most, steps)
  }
  return most
}

const allArrive = (path: string, total: number) =>
  until(
    async () => new Set(posts.get(path)?.map(({ n }) => n)).size,
    count => count === total,
  )

describe('the outbox, killed', () => {
  it.each(['webhook-before-post', 'webhook-after-post', 'webhook-between-retries'])('at %s', async fault => {
    // The third is reached by a failure alone.
    answers['/good'] = count => ({ status: fault === 'webhook-between-retries' && count <= 4 ? 500 : 200 })
    expect(await start({ to: 40, everyMs: 1, fault }).ended).toEqual([null, 'SIGKILL'])
    start({ to: 40 })
    await allArrive('/good', 40)
    // One of each chat may have been under way or not noted; a retry goes back to its own.
    expect(expectWhole('/good', 40)).toBeLessThanOrEqual(fault === 'webhook-between-retries' ? 5 : 1)
    const hasRetried = (posts.get('/good') ?? []).some(({ retryCount }) => retryCount > 0)
    expect(hasRetried).toBe(fault === 'webhook-between-retries')
  })

  it('while it runs ahead of what is noted: no more than that is sent again, in the order of each chat', async () => {
    const unnoted = 8
    const total = 120
    const seen = () => posts.get('/good') ?? []
    // Stored first and left, so that much is there to run ahead with.
    answers['/good'] = () => 'never'
    const first = start({ to: total, speed: 1 })
    await until(
      async () => first.durable,
      durable => durable === total,
    )
    first.kill()
    await first.ended
    posts.clear()
    answers = {}
    let kills = 0
    for (; new Set(seen().map(({ n }) => n)).size < total; kills += 1) {
      const from = seen().length
      const child = start({ to: 0, unnoted, noteMs: 100, speed: 1 })
      await until(
        async () => new Set(seen().map(({ n }) => n)).size === total || seen().length > from + 30,
        isEnough => isEnough,
      )
      child.kill()
      await child.ended
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    expect(kills).toBeGreaterThan(2)
    expect(expectWhole('/good', total)).toBeLessThanOrEqual(kills)
    // Those under way, one of each chat, are beyond what is answered and not noted.
    expect(seen().length - total).toBeLessThanOrEqual(kills * (unnoted + 2 * CHATS))
    expect(seen().length).toBeGreaterThan(total)
  }, 60_000)

  it('at random, with one endpoint that is slow and one that is dead', async () => {
    answers['/slow'] = () => ({ status: 200, afterMs: 100 })
    answers['/dead'] = () => ({ status: 503 })
    let stored = 0
    for (let round = 0; round < 8; round += 1) {
      const child = start({ paths: ['/good', '/slow', '/dead'], to: 100_000, everyMs: 20 })
      const more = stored + 5 + ((round * 7) % 11)
      await until(
        async () => child.durable,
        durable => durable > more,
      )
      child.kill()
      await child.ended
      stored = child.durable
    }
    const last = start({ to: 0 })
    await until(
      async () => last.durable,
      durable => durable >= stored,
    )
    await allArrive('/good', last.durable)
    expect(expectWhole('/good', last.durable)).toBeLessThanOrEqual(8)
    expect(Math.max(...(posts.get('/dead') ?? []).map(({ retryCount }) => retryCount))).toBeGreaterThan(0)
  }, 60_000)
})
