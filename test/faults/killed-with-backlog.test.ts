// The gateway is killed under traffic both ways while a thousand deliveries wait for an endpoint that is dead: after each start the
// healthy endpoint has what it is to have, in the order of each chat, and the dead one's tries are counted on.
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { until } from '../support/gateway.ts'
import { createFaultyGateway, type FaultyGateway, linkSession } from './faulty-gateway.ts'
import { lastingFaults, settledFaults } from './invariants.ts'

vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 })

const QUEUED = 1_000
/** After each kill the gateway lives until so many more sends are accepted. */
const LIVES = [70, 45]
const WANTED = ['message.received', 'message.sent']

interface Post {
  eventId: string
  deliveryId: string
  retryCount: number
}

let faulty: FaultyGateway
let receiver: Server
const posts = { healthy: [] as Post[], dead: [] as Post[] }

beforeAll(async () => {
  receiver = createServer(async (request, response) => {
    const name = request.url === '/healthy' ? 'healthy' : 'dead'
    try {
      for await (const _ of request);
    } catch {
      // A gateway that is killed while it sends leaves half a request behind: that is no delivery.
      return
    }
    const { headers } = request
    posts[name].push({
      eventId: String(headers['webhook-id']),
      deliveryId: String(headers['x-openwa-delivery-id']),
      retryCount: Number(headers['x-openwa-retry-count']),
    })
    response.writeHead(name === 'healthy' ? 200 : 503).end()
  }).listen(0, '127.0.0.1')
  await once(receiver, 'listening')
  faulty = await createFaultyGateway({ contacts: 6, env: { SSRF_ALLOWED_HOSTS: '127.0.0.1' } })
  await linkSession(faulty)
})
afterAll(async () => {
  await faulty?.[Symbol.asyncDispose]()
  receiver.closeAllConnections()
  await new Promise(resolve => receiver.close(resolve))
})

async function addWebhook(name: keyof typeof posts, events: string[]) {
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/${name}`
  const answer = await faulty.ask('POST', `/sessions/${faulty.sessionId}/webhooks`, { url, events })
  expect(answer.status).toBe(201)
}

/** Both ways in each chat until stopped. Stopping resolves when each client has its answer. */
function startTraffic() {
  let isStopped = false
  const flows = faulty.contacts.map(async contact => {
    for (let n = 0; !isStopped; n += 1) {
      await faulty.writes(contact, `${n} from ${contact.name}`)
      await faulty.insist(contact, `${n} to ${contact.name}`)
    }
  })
  return async () => {
    isStopped = true
    await Promise.all(flows)
  }
}

const OPEN_OF_DEAD = `SELECT id, attempts FROM deliveries WHERE url LIKE '%/dead' AND status IN ('due', 'waiting')`

const openOfDead = () =>
  new Map(faulty.query(OPEN_OF_DEAD).map(({ id, attempts }) => [String(id), Number(attempts)]))

/** The events that the healthy endpoint is to have, in the order in which they came about, by chat. */
function wantedByChat(since: number) {
  const list = WANTED.map(name => `'${name}'`).join(', ')
  const rows = faulty.query(
    `SELECT id, chat_id FROM events WHERE event IN (${list}) AND seq > ${since} ORDER BY seq`,
  )
  const ids = Map.groupBy(rows, row => String(row.chat_id))
  return [...ids.values()].map(events => events.map(({ id }) => String(id)))
}

/** Each at least once and in order. What was not noted when it was killed comes again, from its first on. */
function expectWhole(wanted: string[][], kills: number) {
  for (const events of wanted) {
    const places = new Map(events.map((id, place) => [id, place]))
    const seen = posts.healthy.flatMap(({ eventId }) => places.get(eventId) ?? [])
    expect(new Set(seen).size).toBe(events.length)
    let stepsBack = 0
    for (const [index, place] of seen.entries()) {
      const before = seen[index - 1] ?? -1
      expect(place).toBeLessThanOrEqual(before + 1)
      if (place <= before) stepsBack += 1
    }
    expect(stepsBack).toBeLessThanOrEqual(kills)
  }
}

it('delivers to the healthy endpoint over the kills, and forgets no try of the dead one', async () => {
  const since = Number(faulty.query('SELECT max(seq) AS last FROM events')[0]?.last)
  await addWebhook('healthy', WANTED)
  await addWebhook('dead', ['*'])
  const stopTraffic = startTraffic()
  await until(
    async () => openOfDead().size,
    count => count >= QUEUED,
    90_000,
  )
  for (const life of LIVES) {
    await faulty.kill()
    expect(lastingFaults(faulty)).toEqual([])
    const tried = openOfDead()
    expect(tried.size).toBeGreaterThanOrEqual(QUEUED)
    expect(Math.max(...tried.values())).toBeGreaterThan(0)
    const [postsBefore, acceptedBefore] = [posts.dead.length, faulty.accepted.length]
    await faulty.start()
    await until(
      async () => faulty.accepted.length - acceptedBefore,
      count => count >= life,
      60_000,
    )
    // It is tried again, at least once.
    await until(
      async () => posts.dead.length,
      count => count > postsBefore,
      60_000,
    )
    const now = openOfDead()
    for (const [id, attempts] of tried) expect(now.get(id), id).toBeGreaterThanOrEqual(attempts)
    // The first try after a kill may be one that was made and not noted.
    for (const { deliveryId, retryCount } of posts.dead.slice(postsBefore))
      expect(retryCount).toBeGreaterThanOrEqual(tried.get(deliveryId) ?? 0)
  }
  await stopTraffic()
  await faulty.settled()
  expect(settledFaults(faulty)).toEqual([])

  const wanted = wantedByChat(since)
  const all = wanted.flat()
  await until(
    async () => {
      const had = new Set(posts.healthy.map(({ eventId }) => eventId))
      return all.filter(id => !had.has(id))
    },
    left => left.length === 0,
    60_000,
  )
  expect(wanted).toHaveLength(faulty.contacts.length)
  expectWhole(wanted, LIVES.length)
  const ids = Map.groupBy(posts.healthy, ({ eventId }) => eventId)
  for (const [id, same] of ids) expect(new Set(same.map(({ deliveryId }) => deliveryId)).size, id).toBe(1)
})
