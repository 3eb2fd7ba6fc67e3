// A copy of the data folder from before is put back, as after a disk has died: the keys in it are older than what WhatsApp and
// the people in it have seen since. The session comes back without a person, says nothing that it has said before, and both
// sides understand each other again. The copy is made of a gateway that was stopped, and of one that goes on writing.
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { until } from '../support/gateway.ts'
import { createFaultyGateway, type FaultyGateway, linkSession } from './faulty-gateway.ts'
import { settledFaults } from './invariants.ts'
import { queryFile } from './query-database.ts'

vi.setConfig({ testTimeout: 180_000, hookTimeout: 120_000 })

const MESSAGES = 15
/** Accepted sends before, between and after the copies of a gateway that runs. */
const WHILE_COPYING = 10

/** SQLite's own ways to copy a database, for a process of their own: from, to. */
const COPY = {
  'VACUUM INTO': `new DatabaseSync(from).prepare('VACUUM INTO ?').run(to)`,
  'the backup API': `await backup(new DatabaseSync(from), to, { rate: 8 })`,
}

let faulty: FaultyGateway

beforeAll(async () => {
  faulty = await createFaultyGateway()
  await linkSession(faulty)
})
afterAll(() => faulty?.[Symbol.asyncDispose]())

async function stop() {
  process.kill(faulty.pid, 'SIGTERM')
  expect(await faulty.ended).toBe(0)
}

async function talk(what: string) {
  for (const contact of faulty.contacts)
    for (let n = 0; n < MESSAGES; n += 1) {
      await faulty.writes(contact, `${what} ${n} from ${contact.name}`)
      await faulty.insist(contact, `${what} ${n} to ${contact.name}`)
    }
}

/** Puts the copy in the place of the folder, and talks. `word` is one that nobody has said yet. */
async function expectGoesOnFrom(backup: string, word: string) {
  rmSync(faulty.dataDir, { recursive: true })
  cpSync(backup, faulty.dataDir, { recursive: true })
  const seen = new Set(faulty.contacts.flatMap(({ inbox }) => inbox.map(({ id }) => id)))
  const [sentBefore, writtenBefore] = [faulty.accepted.length, faulty.written.length]

  await faulty.start()
  await talk(word)
  await faulty.settled()
  const { body } = await faulty.ask('GET', `/sessions/${faulty.sessionId}`)
  expect(body).toMatchObject({ status: 'ready', phone: faulty.phone.pn })

  // Each is read in the end, under an id that nothing had before.
  const bodies = () =>
    new Set(faulty.query(`SELECT body FROM messages WHERE direction = 'incoming'`).map(row => row.body))
  const missing = () => {
    const stored = bodies()
    return faulty.written.slice(writtenBefore).filter(({ text }) => !stored.has(text))
  }
  await until(
    async () => missing().map(({ text }) => text),
    left => left.length === 0,
    60_000,
  )
  const inboxes = faulty.contacts.flatMap(({ inbox }) => [...inbox])
  for (const { text, messageId } of faulty.accepted.slice(sentBefore)) {
    expect(seen.has(messageId), messageId).toBe(false)
    expect(inboxes.find(({ id }) => id === messageId)?.text).toBe(text)
  }
  // What the copy still had to send has gone out again as what it was.
  const texts = Map.groupBy(inboxes, ({ id }) => id)
  for (const [id, messages] of texts) expect(new Set(messages.map(({ text }) => text)).size, id).toBe(1)
  expect(faulty.whatsapp.surprises).toEqual([])
}

it('goes on from a backup that is older than what the others know', async () => {
  await talk('before')
  await faulty.settled()
  await stop()
  const backup = `${faulty.dataDir}.backup`
  cpSync(faulty.dataDir, backup, { recursive: true })
  await faulty.start()
  await talk('forgotten')
  await faulty.settled()
  expect(settledFaults(faulty)).toEqual([])
  await stop()
  await expectGoesOnFrom(backup, 'after')
})

/** Both ways until stopped. Stopping resolves when each client has its answer. */
function startTraffic() {
  let isStopped = false
  const flows = faulty.contacts.map(async contact => {
    for (let n = 0; !isStopped; n += 1) {
      await faulty.writes(contact, `meanwhile ${n} from ${contact.name}`)
      await faulty.insist(contact, `meanwhile ${n} to ${contact.name}`)
    }
  })
  return async () => {
    isStopped = true
    await Promise.all(flows)
  }
}

async function untilMoreAccepted() {
  const enough = faulty.accepted.length + WHILE_COPYING
  await until(
    async () => faulty.accepted.length,
    count => count >= enough,
    60_000,
  )
}

/** The database first: the files that it names are there when it is copied, and stay. */
async function copyRunning(way: keyof typeof COPY, to: string) {
  mkdirSync(to, { mode: 0o700 })
  const database = join(faulty.dataDir, 'wharf.db')
  const program = `import { DatabaseSync, backup } from 'node:sqlite'
    const [, from, to] = process.argv;
    ${COPY[way]}`
  const args = ['--no-warnings', '--input-type=module', '--eval', program, database, join(to, 'wharf.db')]
  await promisify(execFile)(process.execPath, args)
  const isOther = (path: string) => !/^wharf\.(db|lock)/.test(basename(path))
  cpSync(faulty.dataDir, to, { recursive: true, filter: isOther })
}

it('goes on from copies that were made while messages came and went', async () => {
  const ways = ['VACUUM INTO', 'the backup API'] as const
  const copies: string[] = []
  const stopTraffic = startTraffic()
  await untilMoreAccepted()
  for (const [index, way] of [...ways, ...ways].entries()) {
    const copy = `${faulty.dataDir}.copy-${index}`
    await copyRunning(way, copy)
    copies.push(copy)
    await untilMoreAccepted()
  }
  await stopTraffic()
  await faulty.kill()

  const messages = 'SELECT count(*) AS messages FROM messages'
  const counts: unknown[] = []
  for (const copy of copies) {
    const file = join(copy, 'wharf.db')
    expect(queryFile(file, 'PRAGMA quick_check')).toEqual([{ quick_check: 'ok' }])
    expect(queryFile(file, 'PRAGMA foreign_key_check')).toEqual([])
    counts.push(queryFile(file, messages)[0]?.messages)
  }
  counts.push(faulty.query(messages)[0]?.messages)
  // Each was made while there was more to come.
  expect(counts).toEqual([...new Set(counts)].sort((a, b) => Number(a) - Number(b)))

  for (const [index, way] of ways.entries()) {
    if (index > 0) await stop()
    await expectGoesOnFrom(copies[index] ?? '', `after ${way}`)
  }
})
