// The disk runs full under traffic, on a small file system of the gateway's own: callers hear of it, what was accepted is kept,
// what WhatsApp was told is stored, and once there is room again all goes on by itself.
import { rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { until } from '../support/gateway.ts'
import { createFaultyGateway, type FaultyGateway, linkSession } from './faulty-gateway.ts'
import { lastingFaults, settledFaults } from './invariants.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 })

/** How soon everything is well again without a person (I12). */
const WELL_WITHIN_MS = 60_000

/**
 * A mount in a namespace of the process is seen by nobody else, and gone with it. Whoever is not root is made root of a user
 * namespace first.
 */
const smallDisk = [
  'unshare',
  ...(process.getuid?.() === 0 ? [] : ['--map-root-user']),
  '--mount',
  'sh',
  '-c',
  'mount -t tmpfs -o size=24m,mode=0700 tmpfs "$DATA_DIR" && exec "$@"',
  'sh',
]

const KEY = 'a-key-for-tests-0123456789abcdef'

let faulty: FaultyGateway

beforeAll(async () => {
  faulty = await createFaultyGateway({ through: smallDisk, env: { API_MASTER_KEY: KEY } })
  await linkSession(faulty)
})
afterAll(() => faulty?.[Symbol.asyncDispose]())

const ballast = () => join(faulty.dataDir, 'ballast')

/** Takes all that is left, but for a bit. */
function fill(spareBytes = 0) {
  rmSync(ballast(), { force: true })
  const { bavail, bsize } = statfsSync(faulty.dataDir)
  writeFileSync(ballast(), Buffer.alloc(Math.max(0, bavail * bsize - spareBytes)))
}

const contact = () => {
  const [first] = faulty.contacts
  if (!first) throw new Error('nobody to write to')
  return first
}
const readiness = async () => (await faulty.ask('GET', '/health/ready')).status

describe('a disk that runs full', () => {
  it('while messages come and go: nothing accepted is lost, and all goes on once there is room', async () => {
    expect(statfsSync(faulty.dataDir).bavail * statfsSync(faulty.dataDir).bsize).toBeLessThan(
      24 * 1024 * 1024,
    )
    // What is there already must not be what it lives on.
    fill(64 * 1024)
    let position = 0
    const traffic = async () => {
      position += 1
      await faulty.writes(contact(), `in ${position}`)
      const answer = await faulty.send(contact(), `out ${position}`)
      if (answer?.status === 201)
        faulty.accepted.push({
          text: `out ${position}`,
          messageId: answer.body.messageId,
          readers: [contact()],
        })
      return answer
    }
    // Small as they are, some still find room; then none does.
    const refused = await until(traffic, answer => answer?.status === 503, 60_000)
    expect(refused?.body).toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
    expect(refused?.body.message).toContain('disk space')
    expect(refused?.headers.get('retry-after')).toMatch(/^\d+$/)
    for (let more = 0; more < 5; more += 1) await traffic()
    // It lives, answers what it can, and has receipted nothing that it has not stored.
    expect((await faulty.ask('GET', '/health/live')).status).toBe(200)
    expect(await readiness()).toBe(503)
    expect((await faulty.ask('GET', `/sessions/${faulty.sessionId}/messages`)).status).toBe(200)
    expect(lastingFaults(faulty)).toEqual([])
    const began = performance.now()
    rmSync(ballast())
    await until(
      () => faulty.ask('GET', `/sessions/${faulty.sessionId}`),
      ({ body }) => body.status === 'ready',
      WELL_WITHIN_MS,
    )
    await until(readiness, status => status === 200, WELL_WITHIN_MS)
    const unaccepted = new Set(Array.from({ length: position }, (_, index) => `out ${index + 1}`))
    for (const { text } of faulty.accepted) unaccepted.delete(text)
    // As a client does who was told to come again.
    await Promise.all([...unaccepted].map(text => faulty.insist(contact(), text)))
    await faulty.settled()
    expect(performance.now() - began).toBeLessThan(WELL_WITHIN_MS)
    expect(settledFaults(faulty)).toEqual([])
  })

  it('takes no file in and keeps no half one', async () => {
    fill(256 * 1024)
    const upload = () =>
      fetch(`${faulty.url}/api/sessions/${faulty.sessionId}/uploads`, {
        method: 'POST',
        headers: { 'X-API-Key': KEY },
        body: Buffer.alloc(1024 * 1024),
      })
    const refused = await upload()
    expect(refused.status).toBe(503)
    expect(await refused.json()).toMatchObject({ code: 'STORAGE_UNAVAILABLE' })
    rmSync(ballast())
    expect((await upload()).status).toBe(201)
  })
})
