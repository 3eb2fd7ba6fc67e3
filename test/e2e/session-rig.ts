// Sessions, messages and a database as the gateway connects them, against the emulated WhatsApp: without the API, and with a
// disk that can be held or broken.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { WA_CERT_DETAILS } from 'baileys'
import { expect } from 'vitest'
import type { Clock } from '../../engine-node/clock.ts'
import { createChatRemoval } from '../../engine-node/directory/chat-removal.ts'
import { createDirectory } from '../../engine-node/directory/directory.ts'
import { createHistory } from '../../engine-node/history/history.ts'
import { type Chain, createChain } from '../../engine-node/hooks/chain.ts'
import { createLog } from '../../engine-node/log.ts'
import { createMedia } from '../../engine-node/media/media.ts'
import { createGuardedFetch } from '../../engine-node/net/guarded-fetch.ts'
import { createLinkPreview } from '../../engine-node/net/link-preview.ts'
import { createPipeline, type Pipeline } from '../../engine-node/pipeline/pipeline.ts'
import { createRowIds } from '../../engine-node/pipeline/row-ids.ts'
import type { ShowTyping } from '../../engine-node/pipeline/typing.ts'
import { createFence } from '../../engine-node/sessions/fence.ts'
import { createLeases } from '../../engine-node/sessions/leases.ts'
import type { SessionNews } from '../../engine-node/sessions/session-news.ts'
import { createSessions, type Sessions } from '../../engine-node/sessions/sessions.ts'
import { silenceSignalConsole } from '../../engine-node/sessions/signal-console.ts'
import { openDatabase } from '../../engine-node/store/database.ts'
import { made } from '../../engine-node/store/queued-statement.ts'
import { createSealer } from '../../engine-node/store/sealer.ts'
import { createWriteQueue, type WriteQueue } from '../../engine-node/store/write-queue.ts'
import { type HookName, hooks, isHookName } from '../../src/contract/hooks.ts'
import type { SessionId } from '../../src/contract/ids.ts'
import type { IncomingMessage } from '../../src/contract/message.ts'
import type { SessionStatus } from '../../src/contract/session.ts'
import type { Statement } from '../../src/db/db.ts'
import { listMessages } from '../../src/db/messages.ts'
import { events } from '../../src/db/schema.ts'
import { findSession } from '../../src/db/sessions.ts'
import { eventLogAlone } from '../support/event-log.ts'
import { createFakeClock } from '../support/fake-clock.ts'
import { trustingDial } from '../support/trusting-dial.ts'
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
    /** What the database is to refuse as such, as often as it comes. */
    refuses: (_statement: Statement): boolean => false,
    /** Errors in place of the answers of the next commits, which are made. */
    lost: [] as Error[],
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
const silentNews: SessionNews = {
  created() {},
  deleted() {},
  changed: () => [],
  reconnecting: () => [],
  qr() {},
}

const messageHooks = Object.keys(hooks)
  .filter(isHookName)
  .filter(name => name.startsWith('message:'))

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
      /** What plugins do; they are told of messages received and sent in any case. */
      plugins?(chain: Chain): void
      clock?: Clock
      maxSessions?: number
      historyLimits?: { rows: number; bytes: number }
      /** Age up to which files of history are fetched unasked. */
      backgroundMs?: number
      /** Hosts of this machine that files may be sent from. */
      allowedHosts?: string[]
      type?: ShowTyping
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
          if (statements.some(each => disk.refuses(each)))
            throw new Error('SQLITE_CONSTRAINT: refused by the test')
          const changes = await database.target.batch(statements)
          const lost = disk.lost.shift()
          if (lost) throw lost
          return changes
        },
        reconnect: database.target.reconnect,
      },
      delay: async () => {},
    })
    const fence = createFence(plain)
    const fenced = fence.queue
    const queue: WriteQueue = {
      ...fenced,
      commit(statements) {
        written(statements.map(made))
        return fenced.commit(statements)
      },
      put(statements, then, instead) {
        written(statements.map(made))
        fenced.put(statements, then, instead)
      },
      after(ready) {
        trace.push('frame')
        return fenced.after(ready)
      },
    }
    const sealer = createSealer(given.key ?? Buffer.alloc(32, 7))
    const hooked = createRecorder<IncomingMessage>({
      what: 'message:received',
      describe: ({ chatId, body }) => `${chatId} ${body}`,
    })
    /** Every hook but those of messages received, in order. */
    const told = createRecorder<{ event: HookName; data: Record<string, unknown>; source: string }>({
      what: 'hooks',
      describe: ({ event, data }) => `${event} ${JSON.stringify(data)}`,
    })
    const chain = createChain({ now: clock.now, log: createLog('silent'), mayRun: () => true, record() {} })
    given.plugins?.(chain)
    for (const event of messageHooks)
      chain.on(event, {
        pluginId: 'recorder',
        priority: 1_000,
        async handler({ data, source }) {
          if (event !== 'message:received') told.add({ event, data: data as Record<string, unknown>, source })
          else {
            expect(source).toBe('Engine')
            hooked.add(data as IncomingMessage)
          }
        },
      })
    const shared = {
      db,
      queue,
      sealer,
      clock: given.clock ?? clock,
      log: createLog('silent'),
    }
    const eventLog = eventLogAlone(shared.clock.now)
    const fetch = createGuardedFetch({
      resolve: async host => [host],
      dial: trustingDial(whatsapp.media.ca),
      allowedHosts: [whatsapp.media.host, ...(given.allowedHosts ?? [])],
      clock: shared.clock,
    })
    const media = createMedia({
      ...shared,
      fetch: { media: async () => fetch, anywhere: async () => fetch },
      allowedHosts: [whatsapp.media.host],
      dataDir: folder,
      limits: {
        outgoingBytes: 2_000_000,
        incomingBytes: 2_000_000,
        totalBytes: 100_000_000,
        maxAgeMs: 0,
        inlineBytes: 200_000,
        backgroundMs: given.backgroundMs ?? 0,
      },
      link: id => sessions.link(id),
      random: () => 0,
      randomBytes,
    })
    const pipeline: Pipeline = createPipeline({
      ...shared,
      record: eventLog.record,
      chain,
      link: id => sessions.link(id),
      isLive: id => sessions.isLive(id),
      nextRowId: createRowIds(shared.clock),
      files: media,
      preview: createLinkPreview({ fetch }),
      type: given.type ?? (async () => {}),
      randomBytes,
    })
    const { sender, actions } = pipeline
    const history = createHistory({
      ...shared,
      limits: given.historyLimits ?? { rows: 1_000, bytes: 1_000_000 },
      files: media.incoming,
      nextRowId: createRowIds(shared.clock),
    })
    const removal = createChatRemoval({ ...shared, chain })
    const directory = createDirectory({
      ...shared,
      removal,
      paired() {},
      now: shared.clock.now,
      newId: () => crypto.randomUUID(),
      record: eventLog.record,
    })
    const sessions: Sessions = createSessions({
      ...shared,
      account: directory,
      history,
      inbound: pipeline.inbound,
      outbound: pipeline.outbound,
      news: silentNews,
      random: given.random ?? (() => 0),
      url: whatsapp.url,
      uploadAgent: new Agent({ ca: whatsapp.media.ca }),
      randomUuid: () => crypto.randomUUID(),
      maxSessions: given.maxSessions ?? 10,
      leases: createLeases({
        ...shared,
        queue: plain,
        fence,
        random: () => 0,
        elapsed: shared.clock.now,
        engine: { id: crypto.randomUUID(), name: 'rig', home: folder },
        leaseMs: 30_000,
        isAlone: true,
      }),
      takenOver: async () => {},
    })
    media.start()
    await pipeline.restore()
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
      await history[Symbol.asyncDispose]()
      await media[Symbol.asyncDispose]()
      await pipeline[Symbol.asyncDispose]()
      await queue[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    }

    return {
      db,
      queue,
      sessions,
      sender,
      actions,
      media,
      methods,
      hooked,
      told,
      trace,
      /** The event log, as pairs of name and data. */
      async events() {
        const rows = await db.select().from(events).orderBy(events.seq)
        return rows.map(({ event, data }) => ({ event, data: JSON.parse(data) as Record<string, unknown> }))
      },
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

/** A gateway on it with Alice's account linked, and Bob to write with. */
export async function createLinkedRig(options?: WhatsAppOptions) {
  const rig = await createRig(options)
  const gateway = await rig.gateway()
  const phone = rig.whatsapp.phone('15550000001', { name: 'Alice' })
  const bob = rig.whatsapp.contact('15551110001', { name: 'Bob' })
  return { rig, gateway, phone, bob, sessionId: await gateway.linked(phone) }
}
