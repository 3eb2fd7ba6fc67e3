// A gateway that is killed and started again, on one data folder and one WhatsApp; and what everybody outside has seen of it:
// its clients their answers, WhatsApp its stanzas. What must be true of the two is in invariants.ts.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { FaultPoint } from '../../engine-node/fault.ts'
import { silenceSignalConsole } from '../../engine-node/sessions/signal-console.ts'
import { type Answer, type GatewayProcess, startGateway, until } from '../support/gateway.ts'
import type { Contact } from '../whatsapp/contact.ts'
import type { Phone } from '../whatsapp/phone.ts'
import { createWhatsApp, type WhatsApp } from '../whatsapp/whatsapp.ts'

/** On a busy machine a start takes many times as long as on an idle one. */
const PATIENCE_MS = 60_000

/** How long a client waits before it asks again, ms. */
const RETRY_MS = 100

/** A send that the API has answered with 201. */
export interface AcceptedSend {
  text: string
  messageId: string
}

/** A message that somebody wrote to the account. */
export interface Written {
  text: string
  id: string
}

export interface FaultyGateway extends AsyncDisposable {
  readonly whatsapp: WhatsApp
  readonly phone: Phone
  readonly databaseFile: string
  readonly sessionId: string
  /** What was accepted, and what came in: the history that invariants are held against. */
  readonly accepted: AcceptedSend[]
  readonly written: Written[]
  readonly contacts: readonly Contact[]
  /** Starts the gateway, to die at a point if told. With `ready`, as unless told, resolves when the session is. */
  start(options?: { ready?: boolean; dieAt?: FaultPoint }): Promise<void>
  kill(): Promise<void>
  /** From now on the gateway dies when it passes the point for that many times. Resolves when it has. */
  dieAt(point: FaultPoint, times?: number): Promise<void>
  /** Calls that off. */
  disarm(): void
  /** Sends once, under a key that is the text; null when there was no answer. */
  send(contact: Contact, text: string): Promise<Answer | null>
  /** Sends as a client does who needs it done: with the same key, until it is accepted. */
  insist(contact: Contact, text: string): Promise<AcceptedSend>
  writes(contact: Contact, text: string): Promise<void>
  ask: GatewayProcess['ask']
  output(): string
  /** Resolves when nothing waits any more, on either side. */
  settled(): Promise<void>
}

/** Starts a WhatsApp and a gateway with one session, which is not linked yet. */
export async function createFaultyGateway(options: { contacts?: number } = {}): Promise<FaultyGateway> {
  const loud = silenceSignalConsole()
  const folder = mkdtempSync(join(tmpdir(), 'wharf-faults-'))
  const armed = join(folder, 'fault')
  const dataDir = join(folder, 'data')
  const whatsapp = await createWhatsApp()
  const phone = whatsapp.phone('15550000001', { name: 'Alice' })
  const contacts = Array.from({ length: options.contacts ?? 2 }, (_, index) =>
    whatsapp.contact(`1555111${String(index).padStart(4, '0')}`, { name: `Contact ${index}` }),
  )
  const accepted: AcceptedSend[] = []
  const written: Written[] = []
  let gateway: GatewayProcess | null = null
  let sessionId = ''

  const running = () => {
    if (!gateway) throw new Error('the gateway does not run')
    return gateway
  }
  const session = () => running().ask('GET', `/sessions/${sessionId}`)

  const faulty: FaultyGateway = {
    whatsapp,
    phone,
    databaseFile: join(dataDir, 'wharf.db'),
    get sessionId() {
      return sessionId
    },
    accepted,
    written,
    contacts,
    async start({ ready = true, dieAt = '' } = {}) {
      writeFileSync(armed, dieAt)
      gateway = await startGateway({
        dataDir,
        whatsappUrl: whatsapp.url,
        env: {
          WHARF_FAULT_FILE: armed,
          SIMULATE_TYPING: 'false',
          RATE_LIMIT_MEDIUM_LIMIT: '1000000',
          RATE_LIMIT_LONG_LIMIT: '1000000',
          LOG_LEVEL: 'warn',
        },
      })
      if (ready) await until(session, ({ body }) => body.status === 'ready', PATIENCE_MS)
    },
    kill: () => running().kill(),
    async dieAt(point, times = 1) {
      const { ended } = running()
      writeFileSync(armed, `${point} ${times}`)
      await ended
    },
    disarm: () => writeFileSync(armed, ''),
    async send(contact, text) {
      const path = `/sessions/${sessionId}/messages/send-text`
      const body = { chatId: `${contact.pn}@c.us`, text }
      try {
        return await running().ask('POST', path, body, { headers: { 'Idempotency-Key': keyOf(text) } })
      } catch {
        // The connection was cut: the client knows nothing.
        return null
      }
    },
    async insist(contact, text) {
      for (;;) {
        const answer = await faulty.send(contact, text)
        if (answer?.status === 201) {
          const done = { text, messageId: String(answer.body.messageId) }
          accepted.push(done)
          return done
        }
        await new Promise(resolve => setTimeout(resolve, RETRY_MS))
      }
    },
    async writes(contact, text) {
      const { id } = await contact.write(text, { to: phone })
      written.push({ text, id })
    },
    ask: (...args) => running().ask(...args),
    output: () => running().output(),
    async settled() {
      await until(
        async () => pendingIn(faulty),
        count => count === 0,
        PATIENCE_MS,
      )
      await until(
        async () => {
          const receipted = new Set(whatsapp.log.ids({ kind: 'receipt', direction: 'in' }))
          return written.filter(({ id }) => !receipted.has(id)).length
        },
        left => left === 0,
        PATIENCE_MS,
      )
    },
    async [Symbol.asyncDispose]() {
      await gateway?.[Symbol.asyncDispose]()
      await whatsapp[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
      loud()
    },
  }

  await faulty.start({ ready: false })
  sessionId = (await running().ask('POST', '/sessions', { name: 'main' })).body.id
  return faulty
}

/** Own messages that WhatsApp has not answered. */
function pendingIn({ databaseFile, sessionId }: FaultyGateway): number {
  const db = new DatabaseSync(databaseFile, { readOnly: true })
  try {
    const count = `SELECT count(*) AS pending FROM messages WHERE session_id = ? AND status = 'pending'`
    return Number(db.prepare(count).get(sessionId)?.pending)
  } finally {
    db.close()
  }
}

const keyOf = (text: string) => text.replaceAll(' ', '-')

/** Links the session to the phone, and has each contact known to both sides. */
export async function linkSession(faulty: FaultyGateway): Promise<void> {
  const { sessionId, phone, contacts, ask } = faulty
  await ask('POST', `/sessions/${sessionId}/start`)
  const qr = await until(
    () => ask('GET', `/sessions/${sessionId}/qr`),
    ({ status }) => status === 200,
  )
  await phone.scan(qr.body.qr)
  await until(
    () => ask('GET', `/sessions/${sessionId}`),
    ({ body }) => body.status === 'ready',
  )
  await phone.synced()
  for (const [index, contact] of contacts.entries()) {
    await faulty.writes(contact, `hello ${index}`)
    await faulty.insist(contact, `welcome ${index}`)
  }
  await faulty.settled()
}
