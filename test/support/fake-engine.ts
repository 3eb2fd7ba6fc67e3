// An engine without sockets and plugins: it keeps the promises of the port with rows in the database, so that what it did
// shows up in the reads of the API.
import { randomUUID } from 'node:crypto'
import { eq } from 'drizzle-orm'
import * as v from 'valibot'
import { createAutomationRules } from '../../engine-node/jobs/automation-rules.ts'
import { createBatches } from '../../engine-node/jobs/batches.ts'
import { createSchedule } from '../../engine-node/jobs/schedule.ts'
import { createRowIds } from '../../engine-node/pipeline/row-ids.ts'
import { type EngineHandlers, engineMethods } from '../../src/contract/engine.ts'
import { GatewayError } from '../../src/contract/errors.ts'
import { PluginId } from '../../src/contract/ids.ts'
import type { PluginView } from '../../src/contract/plugin-view.ts'
import type { Session, SessionStatus } from '../../src/contract/session.ts'
import { type Db, isUniqueViolation, statement, type Writer } from '../../src/db/db.ts'
import { insertMessage } from '../../src/db/message-writes.ts'
import { findByWaId } from '../../src/db/messages.ts'
import { getPlugin } from '../../src/db/plugins.ts'
import { plugins } from '../../src/db/schema.ts'
import {
  deleteSession,
  findSession,
  insertSession,
  type SessionPatch,
  toSession,
  updateSession,
} from '../../src/db/sessions.ts'

/** What stands for an archive: a manifest, as JSON. */
const Archive = v.object({ id: PluginId, name: v.string(), version: v.string() })

/** What no test of the API asks for yet. */
const unsupported = Object.fromEntries(
  Object.keys(engineMethods).map(method => [
    method,
    async () => {
      throw new GatewayError('not_supported', `The fake engine has no ${method}`)
    },
  ]),
) as unknown as EngineHandlers

const PICTURE = 'data:image/png;base64,iVBORw0KGgo='

export function createFakeEngine({
  db,
  writer,
  now,
}: {
  db: Db
  writer: Writer
  now(): number
}): EngineHandlers {
  /** Rows of one millisecond still have an order. */
  let ticks = 0

  async function session(id: string): Promise<Session> {
    const row = await findSession(db, id)
    if (row === null) throw new GatewayError('not_found', `Session with id '${id}' not found`)
    return toSession(row)
  }

  async function change(id: string, patch: Omit<SessionPatch, 'updatedAt'>): Promise<Session> {
    await session(id)
    await writer.commit([updateSession(db, id, { ...patch, updatedAt: now() })])
    return await session(id)
  }

  const running = async (id: string) => {
    const found = await session(id)
    if (!found.engineLoaded) throw new GatewayError('session_not_started', 'Session is not started')
    return found
  }
  const stopped = {
    status: 'disconnected' as SessionStatus,
    engineLoaded: false,
    desired: 'stopped' as const,
  }

  async function send(sessionId: string, input: { chatId: string; text: string }) {
    await running(sessionId)
    ticks += 1
    const waMessageId = `3EB0${String(ticks).padStart(8, '0')}`
    const timestamp = Math.floor(now() / 1000)
    const row = {
      id: randomUUID(),
      sessionId,
      waMessageId,
      chatId: input.chatId,
      senderId: '',
      createdAt: now() + ticks,
    }
    await writer.commit([
      insertMessage({
        ...row,
        from: 'me@c.us',
        to: input.chatId,
        body: input.text,
        type: 'text',
        direction: 'outgoing',
        timestamp,
        status: 'sent',
      }),
    ])
    return { messageId: waMessageId, timestamp }
  }

  async function plugin(id: string): Promise<PluginView> {
    const view = await getPlugin(db, id)
    if (view === null) throw new GatewayError('not_found', `Plugin ${id} not found`)
    return view
  }

  async function changePlugin(id: string, patch: Partial<typeof plugins.$inferInsert>): Promise<PluginView> {
    await plugin(id)
    await writer.commit([
      statement(
        db
          .update(plugins)
          .set({ ...patch, updatedAt: now() })
          .where(eq(plugins.id, id)),
      ),
    ])
    return await plugin(id)
  }

  async function install(json: string): Promise<PluginView> {
    let value: unknown
    try {
      value = JSON.parse(json)
    } catch (cause) {
      throw new GatewayError('package_invalid', 'The archive is not a plugin package', { cause })
    }
    const { id, name, version } = v.parse(Archive, value)
    if ((await getPlugin(db, id)) !== null)
      throw new GatewayError('plugin_exists', `Plugin ${id} is installed`)
    const manifest = { id, name, version, type: 'extension', main: 'main.js', sessionScoped: true }
    await writer.commit([
      statement(
        db.insert(plugins).values({
          id,
          name,
          version,
          manifest,
          status: 'installed',
          tier: 'process',
          configMasked: {},
          sessionConfigMasked: {},
          configSealed: new Uint8Array(),
          activeSessions: ['*'],
          installedAt: now(),
          updatedAt: now(),
        }),
      ),
    ])
    return await plugin(id)
  }

  // What only waits in the database is the real thing; nobody works it off.
  const waiting = { db, writer, now, newId: createRowIds({ now }), onNew() {} }

  return {
    ...unsupported,
    ...createSchedule(waiting),
    ...createBatches({ ...waiting, maxOpen: 50 }),
    ...createAutomationRules({ ...waiting, maxPerSession: 32 }).handlers,
    async 'session.create'({ name, config }) {
      const id = randomUUID()
      const times = { createdAt: now() + ticks++, updatedAt: now() }
      try {
        await writer.commit([
          insertSession(db, { id, name, status: 'created', config: config ?? null, ...times }),
        ])
      } catch (error) {
        if (!isUniqueViolation(error)) throw error
        throw new GatewayError('session_name_taken', `Session with name '${name}' already exists`)
      }
      return await session(id)
    },
    'session.start': ({ sessionId }) =>
      change(sessionId, { status: 'qr_ready', engineLoaded: true, desired: 'running' }),
    'session.stop': ({ sessionId }) => change(sessionId, stopped),
    async 'session.logout'({ sessionId }) {
      await running(sessionId)
      return await change(sessionId, { ...stopped, phone: null })
    },
    async 'session.forceKill'({ sessionId }) {
      await running(sessionId)
      return await change(sessionId, stopped)
    },
    async 'session.delete'({ sessionId }) {
      await session(sessionId)
      await writer.commit([deleteSession(db, sessionId)])
      return null
    },
    async 'session.qr'({ sessionId }) {
      const { status } = await running(sessionId)
      return { qrCode: PICTURE, qr: '2@qr', status }
    },

    'message.sendText': ({ sessionId, input }) => send(sessionId, input),
    async 'message.reply'({ sessionId, input }) {
      await running(sessionId)
      const quoted = await findByWaId(db, {
        sessionId,
        waMessageId: input.quotedMessageId,
        chatId: input.chatId,
      })
      if (quoted === null) throw new GatewayError('not_found', `Message ${input.quotedMessageId} not found`)
      return await send(sessionId, input)
    },

    'plugin.install': ({ archive }) => install(Buffer.from(archive, 'base64').toString()),
    async 'plugin.installUrl'({ url }) {
      throw new GatewayError('address_blocked', `${new URL(url).hostname} is not public`)
    },
    async 'plugin.enable'({ pluginId }) {
      await changePlugin(pluginId, { status: 'enabled', enabledByOperator: true, enabledAt: now() })
      return { success: true, message: `Plugin ${pluginId} enabled successfully` }
    },
    async 'plugin.disable'({ pluginId }) {
      await changePlugin(pluginId, { status: 'disabled', enabledByOperator: false })
      return { success: true, message: `Plugin ${pluginId} disabled successfully` }
    },
    async 'plugin.configure'({ pluginId, config }) {
      const known = await plugin(pluginId)
      await changePlugin(pluginId, { configMasked: { ...known.config, ...config } })
      return null
    },
    async 'plugin.configureSession'({ pluginId, sessionId, config }) {
      const known = await plugin(pluginId)
      await changePlugin(pluginId, { sessionConfigMasked: { ...known.sessionConfig, [sessionId]: config } })
      return null
    },
    'plugin.setSessions': ({ pluginId, sessions }) => changePlugin(pluginId, { activeSessions: sessions }),
    async 'plugin.health'({ pluginId }) {
      await plugin(pluginId)
      return { healthy: true }
    },
    async 'plugin.calls'({ pluginId }) {
      await plugin(pluginId)
      return { denials: [], counts: { allowed: {}, denied: 0, minutes: [] } }
    },
    async 'plugin.uninstall'({ pluginId }) {
      await plugin(pluginId)
      await writer.commit([statement(db.delete(plugins).where(eq(plugins.id, pluginId)))])
      return null
    },
  }
}
