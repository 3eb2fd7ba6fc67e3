// Two gateways, each with a data folder of its own, on one database server and one WhatsApp, which each reaches by a cable.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silenceSignalConsole } from '../../engine-node/sessions/signal-console.ts'
import { openSqld, type TestDatabase } from '../support/api-database.ts'
import { type Answer, type GatewayProcess, startGateway, until } from '../support/gateway.ts'
import type { Contact } from '../whatsapp/contact.ts'
import type { Phone } from '../whatsapp/phone.ts'
import { createWhatsApp, type WhatsApp } from '../whatsapp/whatsapp.ts'
import { type Cable, createCable } from './cable.ts'

/** On a busy machine a start takes many times as long as on an idle one. */
export const PATIENCE_MS = 60_000

export interface Engine {
  readonly name: string
  /** To WhatsApp. */
  readonly whatsapp: Cable
  /** To the database server. */
  readonly database: Cable
  start(): Promise<void>
  readonly process: GatewayProcess
  signal(signal: NodeJS.Signals): void
}

export interface Lease {
  fence: number
  beat: number
  owner: string | null
  owner_name: string
}

export interface EnginePair extends AsyncDisposable {
  readonly whatsapp: WhatsApp
  readonly phone: Phone
  readonly contact: Contact
  readonly server: TestDatabase
  readonly sessionId: string
  readonly a: Engine
  readonly b: Engine
  lease(): Promise<Lease>
  /** Resolves when the database says that this engine has the session connected. */
  runsOn(engine: Engine): Promise<void>
  /** Sends once, under a key that is the text; null when there was no answer. */
  send(engine: Engine, text: string): Promise<Answer | null>
  /** What is wrong between what was accepted and written, the database, and what WhatsApp saw. */
  faults(accepted: readonly { text: string; id: string }[], written: readonly string[]): Promise<string[]>
}

/** A is started, with one session that is linked; B is not. */
export async function createEnginePair(leaseMs: number): Promise<EnginePair> {
  await using stack = new AsyncDisposableStack()
  stack.defer(silenceSignalConsole())
  const folder = mkdtempSync(join(tmpdir(), 'wharf-pair-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  const server = stack.use(await openSqld({ isEmpty: true }))
  const whatsapp = stack.use(await createWhatsApp())
  const phone = whatsapp.phone('15550000001', { name: 'Alice' })
  const contact = whatsapp.contact('15551110001', { name: 'Bob' })
  const secrets = {
    ENCRYPTION_KEY: randomBytes(32).toString('hex'),
    API_MASTER_KEY: 'the-master-key-of-both-engines',
  }

  async function createEngine(name: string): Promise<Engine> {
    const cables = {
      whatsapp: stack.use(await createCable(whatsapp.url)),
      database: stack.use(await createCable(server.url)),
    }
    let gateway: GatewayProcess | null = null
    stack.defer(async () => void (await gateway?.kill()))
    const running = () => {
      if (!gateway) throw new Error(`${name} does not run`)
      return gateway
    }
    return {
      name,
      ...cables,
      async start() {
        gateway = await startGateway({
          dataDir: join(folder, name),
          whatsappUrl: cables.whatsapp.url,
          env: {
            ...secrets,
            DATABASE_URL: cables.database.url,
            ENGINE_NAME: name,
            SESSION_LEASE_MS: String(leaseMs),
            RATE_LIMIT_MEDIUM_LIMIT: '1000000',
            RATE_LIMIT_LONG_LIMIT: '1000000',
            LOG_LEVEL: 'warn',
          },
        })
      },
      get process() {
        return running()
      },
      signal: signal => void process.kill(running().pid, signal),
    }
  }

  const a = await createEngine('engine-a')
  const b = await createEngine('engine-b')
  await a.start()
  const { ask } = a.process
  const sessionId: string = (await ask('POST', '/sessions', { name: 'main' })).body.id

  const rows = <T>(query: string) => server.db.all<T>(query)
  const pair: Omit<EnginePair, typeof Symbol.asyncDispose> = {
    whatsapp,
    phone,
    contact,
    server,
    sessionId,
    a,
    b,
    async lease() {
      const [lease] = await rows<Lease>('SELECT fence, beat, owner, owner_name FROM session_leases')
      if (!lease) throw new Error('nobody has claimed the session')
      return lease
    },
    async runsOn(engine) {
      await until(
        async () => ({
          lease: await pair.lease(),
          session: (await rows<{ status: string }>('SELECT status FROM sessions'))[0],
        }),
        ({ lease, session }) =>
          lease.owner !== null && lease.owner_name === engine.name && session?.status === 'ready',
        PATIENCE_MS,
      )
    },
    async send(engine, text) {
      const path = `/sessions/${sessionId}/messages/send-text`
      try {
        return await engine.process.ask(
          'POST',
          path,
          { chatId: `${contact.pn}@c.us`, text },
          { headers: { 'Idempotency-Key': text.replaceAll(' ', '-') } },
        )
      } catch {
        // The connection was cut: the client knows nothing.
        return null
      }
    },
    async faults(accepted, written) {
      const stored = await rows<{ id: string; body: string; direction: string; status: string }>(
        'SELECT wa_message_id AS id, body, direction, status FROM messages',
      )
      const found: string[] = []
      for (const text of written) {
        const count = stored.filter(({ body, direction }) => body === text && direction === 'incoming').length
        if (count !== 1) found.push(`"${text}" is stored ${count} times`)
      }
      const arrived = new Map(contact.inbox.map(({ id, text }) => [id, text]))
      for (const { text, id } of accepted) {
        const status = stored.find(row => row.id === id)?.status ?? 'gone'
        if (!['sent', 'delivered', 'read'].includes(status)) found.push(`"${text}" (${id}) is ${status}`)
        if (!arrived.has(id)) found.push(`"${text}" (${id}) was accepted and did not arrive`)
      }
      const texts = Map.groupBy(
        [...arrived, ...accepted.map(({ id, text }) => [id, text] as const)],
        ([, text]) => text,
      )
      for (const [text, ids] of texts)
        if (new Set(ids.map(([id]) => id)).size > 1) found.push(`"${text}" has two ids`)
      for (const id of arrived.keys())
        if (!stored.some(row => row.id === id)) found.push(`${id} went out and is not in the database`)
      return found
    },
  }

  await ask('POST', `/sessions/${sessionId}/start`)
  const qr = await until(
    () => ask('GET', `/sessions/${sessionId}/qr`),
    ({ status }) => status === 200,
    PATIENCE_MS,
  )
  await phone.scan(qr.body.qr)
  await pair.runsOn(a)
  await phone.synced()
  const owned = stack.move()
  return { ...pair, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}
