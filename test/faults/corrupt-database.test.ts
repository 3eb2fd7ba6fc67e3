// Database files as disks, people and half-done copies leave them: damaged, cut off, gone, not ours to read. The gateway says so
// and changes nothing, or goes on with what is whole; it never begins anew in silence.
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openDatabase } from '../../engine-node/store/database.ts'
import { openSealer } from '../../engine-node/store/encryption-key.ts'
import { createWriteQueue } from '../../engine-node/store/write-queue.ts'
import { insertSession } from '../../src/db/sessions.ts'
import { collect, spawnGateway, startGateway } from '../support/gateway.ts'

const ROWS = 400
/** Of the file, spread over all of it, the header included. */
const FLIPS = 20

let folder: string
let folders: string[]
const file = () => join(folder, 'wharf.db')
const key = () => join(folder, 'encryption.key')
const files = () => readdirSync(folder).toSorted()

/** From here on it is about files of this content, in another folder: the driver keeps connections to those that were opened. */
function moveTo(contents: Record<string, string | Buffer>) {
  folder = mkdtempSync(join(tmpdir(), 'wharf-corrupt-'))
  folders.push(folder)
  for (const [name, content] of Object.entries(contents)) writeFileSync(join(folder, name), content)
}

beforeEach(async () => {
  folders = []
  moveTo({})
  const { database, writer } = await open()
  await writer.commit(
    Array.from({ length: ROWS }, (_, n) =>
      insertSession(database.db, {
        id: `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`,
        name: `session ${n}`,
        status: 'created',
        createdAt: n,
        updatedAt: n,
      }),
    ),
  )
  await close({ database, writer })
  moveTo({ 'wharf.db': readFileSync(file()), 'encryption.key': readFileSync(key()) })
})
afterEach(() => {
  for (const each of folders) rmSync(each, { recursive: true, force: true })
})

async function open() {
  const database = await openDatabase({ url: `file:${file()}` })
  const writer = createWriteQueue({ target: database.target, delay: async () => {} })
  try {
    await openSealer({ db: database.db, writer, keyFile: key(), given: null })
  } catch (error) {
    await close({ database, writer })
    throw error
  }
  return { database, writer }
}

type Opened = Awaited<ReturnType<typeof open>>

async function close({ database, writer }: Opened) {
  await writer[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
}

/** What is in it, or how the gateway would refuse it. */
async function found(): Promise<'refused' | 'damage shows when it is read' | number> {
  let opened: Opened
  try {
    opened = await open()
  } catch (error) {
    expect(['storage_unavailable', 'encryption_key_wrong', 'database_newer']).toContain(
      (error as { code?: string }).code,
    )
    return 'refused'
  }
  try {
    return (await opened.database.db.query.sessions.findMany()).length
  } catch {
    return 'damage shows when it is read'
  } finally {
    await close(opened)
  }
}

describe('a database file', () => {
  it(`with one byte changed, at ${FLIPS} places: is refused as it is, or loses none of its rows`, async () => {
    const [whole, keyText] = [readFileSync(file()), readFileSync(key())]
    const outcomes = new Map<string, number>()
    for (let flip = 0; flip < FLIPS; flip += 1) {
      const damaged = Buffer.from(whole)
      const at = Math.floor((flip * whole.length) / FLIPS) + (flip % 7)
      damaged.writeUInt8(damaged.readUInt8(at) ^ 0xff, at)
      moveTo({ 'wharf.db': damaged, 'encryption.key': keyText })
      const outcome = await found()
      if (outcome === 'refused') expect(readFileSync(file()).equals(damaged), `byte ${at}`).toBe(true)
      else if (outcome !== 'damage shows when it is read') expect(outcome, `byte ${at}`).toBe(ROWS)
      outcomes.set(String(outcome), (outcomes.get(String(outcome)) ?? 0) + 1)
    }
    expect(outcomes.get('refused')).toBeGreaterThan(2)
  })

  it.each([
    ['cut off in the middle', () => truncateSync(file(), 4096 * 5)],
    ['cut off within a page', () => truncateSync(file(), 4096 * 5 + 100)],
    ['overwritten at its beginning', () => writeFileSync(file(), Buffer.alloc(4096, 1), { flag: 'r+' })],
    ['that is no database', () => writeFileSync(file(), 'somebody wants to keep this'.repeat(1_000))],
  ])('%s is refused, and left as it is', async (_what, damage) => {
    damage()
    const before = readFileSync(file())
    expect(await found()).toBe('refused')
    expect(readFileSync(file()).equals(before)).toBe(true)
  })

  it.each([
    ['gone', () => rmSync(file())],
    ['empty', () => truncateSync(file(), 0)],
  ])('that is %s is told of, and the key of the lost one is kept', async (_what, damage) => {
    const kept = readFileSync(key())
    damage()
    await expect(open()).rejects.toMatchObject({
      code: 'encryption_key_wrong',
      message: expect.stringMatching(/database is empty.*Restore it/),
    })
    expect(await found()).toBe('refused')
    expect(readFileSync(key())).toEqual(kept)
  })

  it('that is begun anew on purpose is, once the key was moved away', async () => {
    rmSync(file())
    rmSync(key())
    expect(await found()).toBe(0)
  })

  it('whose WAL was deleted is the older state that it then is, whole', async () => {
    const { database, writer } = await open()
    await writer.commit([{ sql: 'DELETE FROM sessions WHERE created_at >= 100', args: [] }])
    // As a kill leaves it, and somebody who copies the one file that he sees.
    const left = { 'wharf.db': readFileSync(file()), 'encryption.key': readFileSync(key()) }
    await close({ database, writer })
    moveTo(left)
    expect(await found()).toBe(ROWS)
  })

  it('whose WAL is cut off has all that was committed up to there', async () => {
    const { database, writer } = await open()
    for (const n of [300, 200, 100])
      await writer.commit([{ sql: 'DELETE FROM sessions WHERE created_at >= ?', args: [n] }])
    const wal = readFileSync(`${file()}-wal`)
    const left = { 'wharf.db': readFileSync(file()), 'encryption.key': readFileSync(key()) }
    await close({ database, writer })
    moveTo({ ...left, 'wharf.db-wal': wal.subarray(0, wal.length - 2_000) })
    expect(await found()).toBe(200)
  })

  it.each([
    ['may be read and not written', 0o444],
    ['may not be read', 0o000],
  ])('that %s by this user is refused at the start, and left as it is', async (_what, mode) => {
    const before = readFileSync(file())
    chmodSync(file(), mode)
    const { code, output } = await startAsSomebody()
    expect(code).toBe(1)
    expect(output).toContain('cannot be opened')
    expect(output).toContain('this user may write it')
    chmodSync(file(), 0o600)
    expect(readFileSync(file()).equals(before)).toBe(true)
  })
})

describe('a data folder whose key is in the settings', () => {
  const given = { ENCRYPTION_KEY: 'ab'.repeat(32), API_MASTER_KEY: 'a-key-for-tests-0123456789abcdef' }
  const options = () => ({ dataDir: folder, whatsappUrl: 'ws://127.0.0.1:1', env: given })

  it('does not start on an empty database in the place of the lost one, until a person says so', async () => {
    moveTo({})
    const first = await startGateway(options())
    expect((await first.ask('POST', '/sessions', { name: 'main' })).status).toBe(201)
    expect(await first.stop()).toBe(0)
    rmSync(file())
    // Nor at the second try, which finds the empty file that the first one has made.
    for (let round = 0; round < 2; round += 1) {
      const child = spawnGateway(options())
      const output = collect(child)
      expect(await new Promise(resolve => child.once('exit', resolve))).toBe(1)
      expect(output()).toMatch(/database is empty.*Restore it.*database\.id away/)
    }
    rmSync(join(folder, 'database.id'))
    await using anew = await startGateway(options())
    expect((await anew.ask('GET', '/sessions')).body).toEqual([])
  })
})

describe('a first start that was killed', () => {
  it.each([
    ['before the key was whole', 'half a ke'],
    ['before the row that proves it', '11'.repeat(32)],
  ])('%s goes on', async (_when, content) => {
    moveTo({ 'encryption.key.new': content })
    expect(await found()).toBe(0)
    expect(files().filter(name => name.startsWith('encryption'))).toEqual(['encryption.key'])
    expect(statSync(key()).mode & 0o777).toBe(0o600)
    expect(await found()).toBe(0)
  })

  it('before the key got its name goes on with it', async () => {
    const made = readFileSync(key())
    moveTo({ 'wharf.db': readFileSync(file()), 'encryption.key.new': made })
    expect(await found()).toBe(ROWS)
    expect(readFileSync(key())).toEqual(made)
    expect(existsSync(join(folder, 'encryption.key.new'))).toBe(false)
  })
})

/** Starts the gateway as a user who is not root, as modes mean nothing to root. */
async function startAsSomebody() {
  const isRoot = process.getuid?.() === 0
  if (isRoot) {
    const nobody = Number(spawnSync('id', ['-u', 'nobody'], { encoding: 'utf8' }).stdout)
    for (const path of [folder, ...files().map(name => join(folder, name))]) chownSync(path, nobody, nobody)
  }
  const child = spawnGateway({
    dataDir: folder,
    whatsappUrl: 'ws://127.0.0.1:1',
    through: isRoot ? ['setpriv', '--reuid=nobody', '--clear-groups'] : [],
  })
  const output = collect(child)
  const code = await new Promise<number | null>(resolve => child.once('exit', resolve))
  return { code, output: output() }
}
