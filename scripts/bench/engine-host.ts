// The engine as the gateway wires it, without the API, as a child of benches.
import { WA_CERT_DETAILS } from 'baileys'
import { isNotNull, max } from 'drizzle-orm'
import * as v from 'valibot'
import { createLog } from '../../engine-node/log.ts'
import { openEngine } from '../../engine-node/open-engine.ts'
import { buildZip } from '../../engine-node/plugins/archive.fixtures.ts'
import { silenceSignalConsole } from '../../engine-node/sessions/signal-console.ts'
import { readSettings } from '../../engine-node/settings.ts'
import { PluginId, type SessionId } from '../../src/contract/ids.ts'
import { OutgoingText } from '../../src/contract/message.ts'
import { CreateWebhook } from '../../src/contract/webhook.ts'
import { events, messages } from '../../src/db/schema.ts'
import { allSessions } from '../../src/db/sessions.ts'
import { answerParent, childOptions } from './child.ts'
import { settleMemory } from './memory.ts'
import { LOOKING_PLUGIN } from './plugin-rig.ts'
import { type SendLoad, sendUnderLoad } from './send-load.ts'

const Options = v.object({ url: v.string(), rootKey: v.string(), folder: v.string() })
const POLL_MS = 20
/** Where what is measured ends: a part of it must not be the wait for the next look. */
const FINE_POLL_MS = 1
const PLUGIN = v.parse(PluginId, 'bench')

const wait = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

async function createEngineHost({ url, rootKey, folder }: v.InferOutput<typeof Options>) {
  const startedAt = performance.now()
  silenceSignalConsole()
  Buffer.from(rootKey, 'hex').copy(WA_CERT_DETAILS.PUBLIC_KEY)
  const stack = new AsyncDisposableStack()
  const log = createLog('silent')
  const settings = readSettings({
    DATA_DIR: folder,
    WHATSAPP_URL: url,
    SIMULATE_TYPING: 'false',
    SSRF_ALLOWED_HOSTS: '127.0.0.1',
    LOG_LEVEL: 'silent',
  })
  const { engine, db } = await openEngine(stack, { log, settings, dataDir: folder, env: {}, onQr() {} })
  await engine.restore()
  const { handlers } = engine

  /** Asks until there is an answer that is not null. */
  async function until<T>(ask: () => Promise<T | null>, pollMs = POLL_MS): Promise<T> {
    for (;;) {
      const answer = await ask()
      if (answer !== null) return answer
      await wait(pollMs)
    }
  }

  const statusOf = async (id: SessionId) => (await allSessions(db)).find(row => row.id === id)?.status

  /** The last event of all: one for each message that is received, in one commit with it. */
  async function lastEvent(): Promise<number> {
    const [row] = await db.select({ seq: max(events.seq) }).from(events)
    return row?.seq ?? 0
  }

  const commands = {
    /** Starts a new session; gives its id. */
    async create(name: string) {
      const sessionId = (await handlers['session.create']({ name })).id as SessionId
      await handlers['session.start']({ sessionId })
      return sessionId
    },
    qr: (sessionId: SessionId) =>
      until(async () => {
        if ((await statusOf(sessionId)) !== 'qr_ready') return null
        return (await handlers['session.qr']({ sessionId })).qr
      }),
    ready: (sessionId: SessionId) =>
      until(async () => ((await statusOf(sessionId)) === 'ready' ? true : null)),
    /** Milliseconds from the start of this process's work until so many sessions are ready. */
    async allReady(count: number) {
      await until(async () =>
        (await allSessions(db)).filter(row => row.status === 'ready').length >= count ? true : null,
      )
      return performance.now() - startedAt
    },
    /** One plugin that hears of each message, and one webhook; nobody listens there, so deliveries are queued and stay. */
    async listen(sessionId: SessionId) {
      const manifest = { id: PLUGIN, name: 'bench', version: '1.0.0', type: 'extension', main: 'index.js' }
      const archive = buildZip([
        { name: 'manifest.json', content: JSON.stringify(manifest) },
        { name: 'index.js', content: LOOKING_PLUGIN },
      ])
      await handlers['plugin.install']({ archive: Buffer.from(archive).toString('base64') })
      const { success, message } = await handlers['plugin.enable']({ pluginId: PLUGIN })
      if (!success) throw new Error(message)
      const input = v.parse(CreateWebhook, { url: 'http://127.0.0.1:65535/' })
      await handlers['webhook.create']({ sessionId, input })
    },
    send: ({ sessionId, ...load }: SendLoad & { sessionId: SessionId }) =>
      sendUnderLoad(load, (number, text) =>
        handlers['message.sendText']({
          sessionId,
          input: v.parse(OutgoingText, { chatId: `${number}@c.us`, text }),
          wait: 'ack',
        }),
      ),
    /** How many have come, counted from wherever. */
    received: lastEvent,
    /** Resolves when so many in all are stored, and plugins have heard of all. */
    async reached(total: number) {
      // Both by an index: a count of all messages, so often in a second, would be a part of what is measured.
      await until(async () => ((await lastEvent()) >= total ? true : null), FINE_POLL_MS)
      const untold = () => db.$count(messages, isNotNull(messages.untold))
      await until(async () => ((await untold()) === 0 ? true : null), FINE_POLL_MS)
    },
    /** RSS in MB, when it is still. */
    async memory() {
      await settleMemory()
      return process.memoryUsage.rss() / 1_048_576
    },
  }
  answerParent(commands, () => stack.disposeAsync())
  return commands
}

export type EngineCommands = Awaited<ReturnType<typeof createEngineHost>>

if (import.meta.main) await createEngineHost(v.parse(Options, childOptions()))
