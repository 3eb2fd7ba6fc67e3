import { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findMedia, type MediaRow, storeMedia } from '../../src/db/message-media.ts'
import { insertMessage } from '../../src/db/message-writes.ts'
import type { NewMessageRow } from '../../src/db/messages.ts'
import { insertSession } from '../../src/db/sessions.ts'
import { openFile, type TestDatabase } from '../../test/support/api-database.ts'
import { createFakeClock } from '../../test/support/fake-clock.ts'
import { createLog } from '../log.ts'
import { made } from '../store/queued-statement.ts'
import { createIncomingFiles, type IncomingFiles, type ReuploadVerdict } from './incoming-files.ts'
import type { DownloadVerdict } from './media-download.ts'
import type { MediaRef } from './media-ref.ts'

const SESSION = '11111111-1111-4111-8111-111111111111'
const ref = {
  kind: 'image',
  mimetype: 'image/png',
  filename: 'a.png',
  bytes: 3,
  directPath: '/old',
} as MediaRef
const row: NewMessageRow = {
  id: '22222222-2222-4222-8222-222222222222',
  sessionId: SESSION,
  waMessageId: 'A',
  chatId: 'b@c.us',
  senderId: 'b@c.us',
  from: 'b@c.us',
  to: 'me@c.us',
  type: 'image',
  direction: 'incoming',
  status: 'delivered',
  metadata: { media: { mimetype: 'image/png', omitted: true } },
  createdAt: 1_700_000_000_000,
}
const said = { mimetype: 'image/png', filename: 'a.png', omitted: true }
const stored: DownloadVerdict = { outcome: 'stored', file: { hash: 'f'.repeat(64), bytes: 3 } }

let database: TestDatabase
let clock: ReturnType<typeof createFakeClock>
let verdicts: DownloadVerdict[]
let answers: ReuploadVerdict[]
let asked: (string | null)[]
let files: IncomingFiles
/** Of the disk, when a file is stored. */
let fault: Error | null
/** Of the database, when it is written down. */
let refuses: boolean
let backgroundMs: number
/** So many of the next downloads never end. */
let hanging: number

function open() {
  files = createIncomingFiles({
    db: database.db,
    queue: {
      commit: async statements => {
        if (refuses) throw new Error('no room')
        return database.writer.commit(statements.map(made))
      },
    },
    clock,
    log: createLog('silent'),
    store: { open: async () => ({ stream: Readable.from([Buffer.from('abc')]), bytes: 3 }) },
    async download(_sessionId, { directPath }) {
      asked.push(directPath)
      if (fault) throw fault
      if (hanging > 0) {
        hanging -= 1
        return new Promise(() => {})
      }
      return verdicts.shift() ?? { outcome: 'failed', why: 'no more' }
    },
    read: () => ({ ref, proto: new Uint8Array() }),
    reupload: async () => answers.shift() ?? { outcome: 'failed', why: 'off' },
    random: () => 1,
    maxInlineBytes: 3,
    backgroundMs,
  })
}

beforeEach(async () => {
  database = await openFile()
  clock = createFakeClock()
  verdicts = []
  answers = []
  asked = []
  fault = null
  refuses = false
  backgroundMs = 0
  hanging = 0
  const { db, writer } = database
  open()
  await writer.commit([
    insertSession(db, { id: SESSION, name: 'main', status: 'ready', createdAt: 0, updatedAt: 0 }),
    insertMessage(row),
    ...files.expect(row, ref),
  ])
})
afterEach(async () => {
  await files[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

const state = () => findMedia(database.db, row.id)
const becomes = (wanted: object) => expect.poll(state, { interval: 2 }).toMatchObject(wanted)

describe('incoming-files', () => {
  it('gives a small file with its bytes once it is there', async () => {
    verdicts = [stored]
    const ready = files.ready(row.id, said)
    files.arrived(row.id)
    expect(await ready).toEqual({ mimetype: 'image/png', filename: 'a.png', data: 'YWJj', sizeBytes: 3 })
    await becomes({ state: 'stored', hash: 'f'.repeat(64), error: null })
  })

  it('tells of one that does not come in time as omitted', async () => {
    const ready = files.ready(row.id, said)
    await expect.poll(() => clock.pending, { interval: 2 }).toBe(1)
    clock.advance(10_000)
    expect(await ready).toEqual(said)
  })

  it('tries again after half a minute, twice that, and so on, until it gives up after days', async () => {
    files.arrived(row.id)
    const waits: number[] = []
    for (let tries = 1; tries <= 15; tries += 1) {
      await becomes({ attempts: tries, state: 'waiting' })
      await expect.poll(() => clock.pending, { interval: 1 }).toBe(1)
      const wait = ((await state())?.nextAt ?? 0) - clock.now()
      waits.push(wait / 1_000)
      clock.advance(wait - 1)
      expect(asked).toHaveLength(tries)
      clock.advance(1)
    }
    await becomes({ state: 'lost', error: 'no more' })
    expect(waits.slice(0, 4)).toEqual([30, 60, 120, 240])
    expect(waits.at(-1)).toBe(6 * 3_600)
    expect(clock.pending).toBe(0)
  })

  it('tries one again in its time while another one hangs', async () => {
    const other: NewMessageRow = { ...row, id: '00000000-0000-7000-8000-00000000000b', waMessageId: 'OTHER' }
    await database.writer.commit([insertMessage(other), ...files.expect(other, ref)])
    hanging = 1
    files.arrived(row.id)
    await expect.poll(() => asked.length, { interval: 1 }).toBe(2)
    await expect.poll(() => clock.pending, { interval: 1 }).toBe(1)
    verdicts = [stored]
    clock.advance(30_000)
    await expect
      .poll(() => findMedia(database.db, other.id).then(media => media?.state), { interval: 2 })
      .toBe('stored')
    expect(await state()).toMatchObject({ state: 'waiting', attempts: 0 })
  })

  it('asks the phone where the host has it no more, and fetches it from its new place', async () => {
    verdicts = [{ outcome: 'gone', why: '410' }, stored]
    answers = [{ outcome: 'uploaded', directPath: '/new', url: null }]
    files.arrived(row.id)
    await becomes({ state: 'stored' })
    expect(asked).toEqual(['/old', '/new'])
  })

  it.each<[string, DownloadVerdict, ReuploadVerdict, object]>([
    [
      'lost, when the phone has it no more',
      { outcome: 'gone', why: '' },
      { outcome: 'lost', why: 'gone' },
      { state: 'lost', error: 'gone' },
    ],
    [
      'waiting, when the phone is off',
      { outcome: 'gone', why: '' },
      { outcome: 'failed', why: 'off' },
      { state: 'waiting', attempts: 1, error: 'off' },
    ],
    [
      'refused, when it is too large',
      { outcome: 'refused', why: 'large' },
      { outcome: 'failed', why: '' },
      { state: 'refused', error: 'large' },
    ],
  ])('is %s', async (_what, verdict, answer, wanted) => {
    verdicts = [verdict]
    answers = [answer]
    files.arrived(row.id)
    await becomes(wanted)
  })

  it('is tried later when the disk is full', async () => {
    fault = new Error('ENOSPC')
    files.arrived(row.id)
    await becomes({ state: 'waiting', attempts: 1, error: 'it could not be taken in' })
    expect(asked).toHaveLength(1)
  })

  it('is not fetched over and over while the database takes no writes', async () => {
    refuses = true
    verdicts = [stored, stored]
    files.arrived(row.id)
    await expect.poll(() => clock.pending, { interval: 2 }).toBe(1)
    files.arrived('another')
    await state()
    expect(asked).toHaveLength(1)
    refuses = false
    clock.advance(30_000)
    await becomes({ state: 'stored' })
    expect(asked).toHaveLength(2)
  })

  it('goes on after a restart', async () => {
    await files[Symbol.asyncDispose]()
    verdicts = [stored]
    open()
    files.restore()
    await becomes({ state: 'stored' })
  })

  describe('of an old message', () => {
    const old: NewMessageRow = { ...row, id: '44444444-4444-4444-8444-444444444444', waMessageId: 'OLD' }
    const media = async () => (await findMedia(database.db, old.id)) as MediaRow
    beforeEach(async () => {
      await database.writer.commit([insertMessage(old), ...files.expectOld(old, ref)])
      await database.writer.commit(storeMedia({ messageId: row.id, hash: 'e'.repeat(64), bytes: 3, at: 0 }))
    })

    it('waits until somebody asks, and whoever asks gets what became of it', async () => {
      files.arrived(row.id)
      await expect.poll(() => clock.pending, { interval: 2 }).toBe(0)
      expect(await media()).toMatchObject({ state: 'remote' })
      expect(asked).toEqual([])
      verdicts = [stored]
      const both = [files.want(await media()), files.want(await media())]
      for (const found of await Promise.all(both)) expect(found).toMatchObject({ state: 'stored' })
      expect(asked).toEqual(['/old'])
    })

    it('keeps nobody waiting for long, and goes on trying', async () => {
      const found = files.want(await media())
      await expect.poll(async () => (await media()).attempts, { interval: 2 }).toBe(1)
      clock.advance(10_000)
      expect(await found).toMatchObject({ state: 'waiting', error: 'no more' })
      verdicts = [stored]
      clock.advance(20_000)
      await expect.poll(async () => (await media()).state, { interval: 2 }).toBe('stored')
    })

    it.each([
      [5_000, 'stored'],
      [4_999, 'remote'],
    ])('is fetched in the background where it is not older than %i ms: %s', async (ms, wanted) => {
      await files[Symbol.asyncDispose]()
      clock.advance(old.createdAt + 5_000 - clock.now())
      backgroundMs = ms
      open()
      verdicts = [stored]
      files.restore()
      if (wanted === 'stored')
        await expect.poll(async () => (await media()).state, { interval: 2 }).toBe(wanted)
      else {
        files.arrived(row.id)
        await files.want((await findMedia(database.db, row.id)) as MediaRow)
        expect(await media()).toMatchObject({ state: wanted })
      }
    })
  })

  it('expects nothing of a message that was stored before', async () => {
    const twin = { ...row, id: '33333333-3333-4333-8333-333333333333' }
    await database.writer.commit([insertMessage(twin), ...files.expect(twin, ref)])
    expect(await findMedia(database.db, twin.id)).toBeNull()
  })
})
