// Ten thousand deliveries queued to a dead endpoint and as many to a healthy one: the healthy one gets them all, over a crash,
// and neither takes memory.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { defaultLimits } from '../../engine-node/outbox/dispatcher.ts'

const PROCESS = fileURLToPath(new URL('./outbox-backlog-process.ts', import.meta.url))
const QUEUED = 10_000
const CHATS = 100
/** What may be under way or answered and not noted, and so be made again after a crash. */
const NOT_NOTED = defaultLimits.perEndpoint + defaultLimits.unnoted
const MB = 1024 * 1024

interface Post {
  n: number
  deliveryId: string
  eventId: string
}
interface End {
  grown: number
  dead: { open: number; tries: number }
}

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'wharf-backlog-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

async function run(killAfter: number | null) {
  const plan = JSON.stringify({ folder, queued: QUEUED, killAfter })
  const args = ['--expose-gc', '--disable-warning=ExperimentalWarning', PROCESS, plan]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const posts: Post[] = []
  let end: End | null = null
  createInterface({ input: child.stdout }).on('line', line => {
    const said = JSON.parse(line)
    if ('grown' in said) end = said
    else posts.push(said)
  })
  const [code, signal] = await once(child, 'close')
  return { posts, end: end as End | null, code, signal }
}

it('a dead endpoint with a backlog holds up no healthy one, over a restart and without growing', async () => {
  const first = await run(3_000)
  expect([first.signal, first.posts.length >= 3_000]).toEqual(['SIGKILL', true])
  const second = await run(null)
  expect(second.code).toBe(0)
  const posts = [...first.posts, ...second.posts]
  expect(new Set(posts.map(({ n }) => n)).size).toBe(QUEUED)
  // What was not noted when it was killed is made again, under the same ids, and nothing else is.
  expect(posts.length - QUEUED).toBeLessThanOrEqual(NOT_NOTED)
  const ids = new Map<number, string>()
  const last = new Map<number, number>()
  const stepsBack = new Map<number, number>()
  for (const { n, deliveryId, eventId } of posts) {
    expect(ids.get(n) ?? `${deliveryId} ${eventId}`).toBe(`${deliveryId} ${eventId}`)
    ids.set(n, `${deliveryId} ${eventId}`)
    const chat = n % CHATS
    const before = last.get(chat) ?? chat - CHATS
    // The next one; or once, by the kill, back to the first that was not noted.
    if (n > before) expect(n).toBe(before + CHATS)
    else stepsBack.set(chat, (stepsBack.get(chat) ?? 0) + 1)
    last.set(chat, n)
  }
  expect(Math.max(0, ...stepsBack.values())).toBeLessThanOrEqual(1)
  expect(second.end?.dead.open).toBe(QUEUED)
  // Its circuit is open: all that wait for it have not used up their tries.
  expect(second.end?.dead.tries).toBeLessThan(100)
  expect(second.end?.grown).toBeLessThan(8 * MB)
}, 60_000)
