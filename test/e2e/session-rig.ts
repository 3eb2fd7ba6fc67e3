// Sessions, messages and a database as the gateway connects them, against the emulated WhatsApp: without the API, and with a
// disk that can be held or broken.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WA_CERT_DETAILS } from 'baileys'
import { expect } from 'vitest'
import type { Clock } from '../../engine-node/clock.ts'
import { createLog } from '../../engine-node/log.ts'
import { createInbound, type HookRunner } from '../../engine-node/pipeline/inbound.ts'
import { createRowIds } from '../../engine-node/pipeline/row-ids.ts'
import { createSender } from '../../engine-node/pipeline/sender.ts'
import type { SessionNews } from '../../engine-node/sessions/session-news.ts'
import { createSessions } from '../../engine-node/sessions/sessions.ts'
import { silenceSignalConsole } from '../../engine-node/sessions/signal-console.ts'
import { openDatabase } from '../../engine-node/store/database.ts'
import { createSealer } from '../../engine-node/store/sealer.ts'
import { createWriteQueue, type WriteQueue } from '../../engine-node/store/write-queue.ts'
import type { SessionId } from '../../src/contract/ids.ts'
import type { IncomingMessage } from '../../src/contract/message.ts'
import type { SessionStatus } from '../../src/contract/session.ts'
import type { Statement } from '../../src/db/db.ts'
import { listMessages } from '../../src/db/messages.ts'
import { findSession } from '../../src/db/sessions.ts'
import { createFakeClock } from '../support/fake-clock.ts'
import type { Phone } from '../whatsapp/phone.ts'
import { createRecorder } from '../whatsapp/recorder.ts'
import { createWhatsApp, type WhatsAppOptions } from '../whatsapp/whatsapp.ts'

/** Stands between the queue and the database. */
function createDisk() {
  let held = Promise.resolve()
  let isHeld = false
  let open = () => {}
  return {
    /** Errors of the next commits. */
    faults: [] as Error[],
    hold() {
      isHeld = true
      held = new Promise(resolve => {
        open = resolve
      })
    },
    release() {
      isHeld = false
      open()
    },
    get isHeld() {
      return isHeld
    },
    pass: () => held,
  }
}

/** For tests that are not about what others hear of a session. */
const silentNews: SessionNews = { created() {}, deleted() {}, changed: () => [], qr() {} }

export type Gateway = Awaited<ReturnType<Rig['gateway']>>
export type Rig = Awaited<ReturnType<typeof createRig>>

/** A WhatsApp and a folder; gateways come and go on it. */
export async function createRig(options: WhatsAppOptions = {}) {
  const unsilence = silenceSignalConsole()
  const folder = mkdtempSync(join(tmpdir(), 'wharf-session-'))
  const whatsapp = await createWhatsApp(options)
  whatsapp.rootKey.copy(WA_CERT_DETAILS.PUBLIC_KEY)
  const clock = createFakeClock()
  const disk = createDisk()

  async function gateway(
    given: {
      key?: Buffer
      random?: () => number
      chain?: HookRunner
      clock?: Clock
      maxSessions?: number
    } = {},
  ) {
    const database = await openDatabase({ url: `file:${join(folder, 'wharf.db')}` })
    const { db } = database
    /** The tables written, and `frame` for what waits to be sent, in the order in which the queue heard of them. */
    const trace: string[] = []
    const written = (statements: readonly Statement[]) => {
      for (const { sql } of statements) trace.push(/(?:into|from|update) "?(\w+)/i.exec(sql)?.[1] ?? sql)
    }
    const plain = createWriteQueue({
      target: {
        async batch(statements: Statement[]) {
          await disk.pass()
          const fault = disk.faults.shift()
          if (fault) throw fault
          return database.target.batch(statements)
        },
        reconnect: database.target.reconnect,
      },
      delay: async () => {},
    })
    const queue: WriteQueue = {
      ...plain,
      commit(statements) {
        written(statements)
        return plain.commit(statements)
      },
      put(statements) {
        written(statements)
        plain.put(statements)
      },
      after(ready) {
        trace.push('frame')
        return plain.after(ready)
      },
    }
    const sealer = createSealer(given.key ?? Buffer.alloc(32, 7))
    const hooked = createRecorder<IncomingMessage>({
      what: 'message:received',
      describe: ({ chatId, body }) => `${chatId} ${body}`,
    })
    const chain: HookRunner = given.chain ?? {
      async run(_event, data, { source }) {
        expect(source).toBe('Engine')
        hooked.add(data)
      },
    }
    const shared = {
      db,
      queue,
      sealer,
      clock: given.clock ?? clock,
      log: createLog('silent'),
    }
    const nextRowId = createRowIds(shared.clock)
    const inbound = createInbound({ ...shared, chain, nextRowId })
    const sessions = createSessions({
      ...shared,
      inbound,
      news: silentNews,
      random: given.random ?? (() => 0),
      url: whatsapp.url,
      randomUuid: () => crypto.randomUUID(),
      maxSessions: given.maxSessions ?? 10,
    })
    const sender = createSender({ ...shared, sessions, nextRowId })
    const { methods } = sessions

    const row = async (sessionId: string) => {
      const found = await findSession(db, sessionId)
      if (!found) throw new Error('no such session')
      return found
    }
    const becomes = async (sessionId: string, status: SessionStatus) => {
      await expect
        .poll(async () => (await row(sessionId)).status, { timeout: 8_000, interval: 5 })
        .toBe(status)
      return row(sessionId)
    }
    let isDown = false
    const down = async () => {
      if (isDown) return
      isDown = true
      await sessions[Symbol.asyncDispose]()
      await inbound[Symbol.asyncDispose]()
      await queue[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    }

    return {
      db,
      queue,
      sessions,
      sender,
      methods,
      hooked,
      trace,
      row,
      becomes,
      async messages(sessionId: string) {
        const page = await listMessages(db, { sessionId }, { limit: 100, offset: 0, orderBy: 'createdAt' })
        return (page?.messages ?? []).toReversed()
      },
      async create(name = 'main') {
        return (await methods['session.create']({ name })).id as SessionId
      },
      /** Shows the QR to the phone. */
      async scan(sessionId: SessionId, phone: Phone) {
        await becomes(sessionId, 'qr_ready')
        await phone.scan((await methods['session.qr']({ sessionId })).qr)
        return becomes(sessionId, 'ready')
      },
      /** A session of this phone that is ready. */
      async linked(phone: Phone, name?: string) {
        const sessionId = await this.create(name)
        await methods['session.start']({ sessionId })
        await this.scan(sessionId, phone)
        await phone.synced()
        return sessionId
      },
      down,
      [Symbol.asyncDispose]: down,
    }
  }

  return {
    whatsapp,
    clock,
    disk,
    gateway,
    async [Symbol.asyncDispose]() {
      expect(whatsapp.surprises).toEqual([])
      await whatsapp[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
      unsilence()
    },
  }
}
