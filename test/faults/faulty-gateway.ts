// A gateway that is killed and started again, on one data folder and one WhatsApp; and what everybody outside has seen of it:
// its clients their answers, WhatsApp its stanzas. What must be true of the two is in invariants.ts.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FaultPoint } from '../../engine-node/fault.ts'
import { silenceSignalConsole } from '../../engine-node/sessions/signal-console.ts'
import { type Answer, type GatewayProcess, startGateway, until } from '../support/gateway.ts'
import type { Contact } from '../whatsapp/contact.ts'
import type { Group } from '../whatsapp/group.ts'
import type { Phone } from '../whatsapp/phone.ts'
import { createWhatsApp, type WhatsApp } from '../whatsapp/whatsapp.ts'
import { unread } from './invariants.ts'
import { queryFile, queryWithin, type Row } from './query-database.ts'

/** On a busy machine a start takes many times as long as on an idle one. */
const PATIENCE_MS = 60_000

/** All that crosses the wire in the longest of these tests: what falls out of the log would count as not receipted. */
const LOG_LIMIT = 1_000_000

/** How long a client waits before it asks again, ms. */
const RETRY_MS = 100

/** A send that the API has answered with 201. */
export interface AcceptedSend {
  text: string
  messageId: string
  /** All who must be able to read it. */
  readers: readonly Contact[]
}

/** A message that somebody wrote to an account. */
export interface Written {
  text: string
  id: string
  account: Linked
}

/** A session and its phone. */
export interface Linked {
  readonly sessionId: string
  readonly phone: Phone
}

export interface What {
  /** The text is its caption. */
  image?: Buffer
  /** By whose session, or to which; the first unless told. */
  account?: Linked
  /** In a group, and not between two. */
  group?: Group
}

export interface FaultyGateway extends AsyncDisposable {
  readonly whatsapp: WhatsApp
  /** The first account. */
  readonly phone: Phone
  readonly accounts: readonly Linked[]
  /** As this process sees it. */
  readonly dataDir: string
  /** Reads the gateway's database, which may run or not. */
  query(sql: string, ...args: string[]): Row[]
  readonly sessionId: string
  /** What was accepted, and what came in: the history that invariants are held against. */
  readonly accepted: AcceptedSend[]
  readonly written: Written[]
  readonly contacts: readonly Contact[]
  /** Starts the gateway, to die at a point if told. With `ready`, as unless told, resolves when the session is. */
  start(options?: { ready?: boolean; dieAt?: FaultPoint }): Promise<void>
  kill(): Promise<void>
  /** Resolves when it is gone, with its exit code. */
  readonly ended: Promise<number | null>
  /** From now on the gateway dies when it passes the point for that many times. Resolves when it has. */
  dieAt(point: FaultPoint, times?: number): Promise<void>
  /** Likewise, but it is told to end by SIGTERM there. Resolves with its exit code. */
  stopAt(point: FaultPoint, times?: number): Promise<number | null>
  /** Calls that off. */
  disarm(): void
  /** Sends once, under a key that is the text; null when there was no answer. */
  send(contact: Contact, text: string, what?: What): Promise<Answer | null>
  /** Sends as a client does who needs it done: with the same key, until it is accepted. */
  insist(contact: Contact, text: string, what?: What): Promise<AcceptedSend>
  /** Gives the id of the message. */
  writes(contact: Contact, text: string, what?: What): Promise<string>
  readonly url: string
  /** The admin key. */
  readonly key: string
  readonly pid: number
  ask: GatewayProcess['ask']
  output(): string
  /** Resolves when nothing waits any more, on either side. */
  settled(): Promise<void>
}

/** Starts a WhatsApp and a gateway with sessions that are not linked yet. */
export async function createFaultyGateway(
  options: {
    contacts?: number
    /** How many sessions; one unless told. */
    accounts?: number
    env?: Record<string, string>
    /** A command that gives the gateway a disk of its own, at the place of its data folder. */
    through?: readonly string[]
  } = {},
): Promise<FaultyGateway> {
  const loud = silenceSignalConsole()
  const folder = mkdtempSync(join(tmpdir(), 'wharf-faults-'))
  const armed = join(folder, 'fault')
  const ca = join(folder, 'ca.pem')
  const dataDir = join(folder, 'data')
  mkdirSync(dataDir, { mode: 0o700 })
  const whatsapp = await createWhatsApp({ logLimit: LOG_LIMIT })
  writeFileSync(ca, whatsapp.media.ca)
  const phone = whatsapp.phone('15550000001', { name: 'Alice' })
  const contacts = Array.from({ length: options.contacts ?? 2 }, (_, index) =>
    whatsapp.contact(`1555111${String(index).padStart(4, '0')}`, { name: `Contact ${index}` }),
  )
  const accepted: AcceptedSend[] = []
  const written: Written[] = []
  let gateway: GatewayProcess | null = null
  const accounts: Linked[] = []
  const first = () => {
    const [account] = accounts
    if (!account) throw new Error('there is no session yet')
    return account
  }

  const running = () => {
    if (!gateway) throw new Error('the gateway does not run')
    return gateway
  }
  const isReady = async () => {
    const answers = await Promise.all(
      accounts.map(({ sessionId }) => running().ask('GET', `/sessions/${sessionId}`)),
    )
    return answers.every(({ body }) => body.status === 'ready')
  }

  function readersOf(contact: Contact, { group }: What = {}): Contact[] {
    const members = group?.members.map(({ pn }) => pn) ?? [contact.pn]
    return contacts.filter(({ pn }) => members.includes(pn))
  }

  const faulty: FaultyGateway = {
    whatsapp,
    phone,
    get dataDir() {
      // A disk of its own is seen through the eyes of its process.
      return options.through ? `/proc/${running().pid}/root${dataDir}` : dataDir
    },
    query(...asked) {
      const file = join(dataDir, 'wharf.db')
      return options.through ? queryWithin(running().pid, file, ...asked) : queryFile(file, ...asked)
    },
    get url() {
      return running().url
    },
    get key() {
      return running().key
    },
    get pid() {
      return running().pid
    },
    get sessionId() {
      return first().sessionId
    },
    accounts,
    accepted,
    written,
    contacts,
    async start({ ready = true, dieAt = '' } = {}) {
      writeFileSync(armed, dieAt)
      gateway = await startGateway({
        dataDir,
        whatsappUrl: whatsapp.url,
        ...(options.through && { through: options.through }),
        env: {
          WHARF_FAULT_FILE: armed,
          NODE_EXTRA_CA_CERTS: ca,
          SSRF_ALLOWED_HOSTS: whatsapp.media.host,
          ...options.env,
          SIMULATE_TYPING: 'false',
          RATE_LIMIT_MEDIUM_LIMIT: '1000000',
          RATE_LIMIT_LONG_LIMIT: '1000000',
          LOG_LEVEL: 'warn',
        },
      })
      if (ready) await until(isReady, yes => yes, PATIENCE_MS)
    },
    kill: () => running().kill(),
    get ended() {
      return running().ended
    },
    async dieAt(point, times = 1) {
      const { ended } = running()
      writeFileSync(armed, `${point} ${times}`)
      await ended
    },
    async stopAt(point, times = 1) {
      const { ended } = running()
      writeFileSync(armed, `${point} ${times} SIGTERM`)
      return await ended
    },
    disarm: () => writeFileSync(armed, ''),
    async send(contact, text, { image, account = first(), group } = {}) {
      const { sessionId } = account
      const path = `/sessions/${sessionId}/messages/send-${image ? 'image' : 'text'}`
      const picture = { base64: image?.toString('base64'), mimetype: 'image/jpeg', caption: text }
      const chatId = group?.jid ?? `${contact.pn}@c.us`
      const body = { chatId, ...(image ? picture : { text }) }
      try {
        return await running().ask('POST', path, body, { headers: { 'Idempotency-Key': keyOf(text) } })
      } catch {
        // The connection was cut: the client knows nothing.
        return null
      }
    },
    async insist(contact, text, what) {
      for (;;) {
        const answer = await faulty.send(contact, text, what)
        if (answer?.status === 201) {
          const done = { text, messageId: String(answer.body.messageId), readers: readersOf(contact, what) }
          accepted.push(done)
          return done
        }
        await new Promise(resolve => setTimeout(resolve, RETRY_MS))
      }
    },
    async writes(contact, text, { image, account = first(), group } = {}) {
      const to = group ?? account.phone
      const { id } = await contact.write(image ? { image, caption: text } : text, { to })
      written.push({ text, id, account })
      return id
    },
    ask: (...args) => running().ask(...args),
    output: () => running().output(),
    async settled() {
      await until(
        async () => pendingIn(faulty),
        count => count === 0,
        PATIENCE_MS,
      )
      // A phone that could not read one asks for it again, after WhatsApp has it. What never comes is for the invariants to tell.
      await until(
        async () => unread(faulty).length,
        left => left === 0,
        PATIENCE_MS,
      ).catch(() => {})
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
  for (let index = 0; index < (options.accounts ?? 1); index += 1) {
    const name = index === 0 ? 'main' : `main-${index}`
    const { body } = await running().ask('POST', '/sessions', { name })
    const pn = `1555000000${index + 1}`
    accounts.push({
      sessionId: body.id,
      phone: index === 0 ? phone : whatsapp.phone(pn, { name: 'Alice too' }),
    })
  }
  return faulty
}

/** Own messages that WhatsApp has not answered. */
const pendingIn = ({ query }: FaultyGateway): number =>
  Number(query(`SELECT count(*) AS pending FROM messages WHERE status = 'pending'`)[0]?.pending)

const keyOf = (text: string) => text.replaceAll(' ', '-')

/** Links the sessions to their phones, and has each contact known to both sides. */
export async function linkSession(faulty: FaultyGateway): Promise<void> {
  for (const account of faulty.accounts) await linkOne(faulty, account)
  await faulty.settled()
}

async function linkOne(faulty: FaultyGateway, account: Linked): Promise<void> {
  const { contacts, ask } = faulty
  const { sessionId, phone } = account
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
    await faulty.writes(contact, `hello ${index} to ${phone.pn}`, { account })
    await faulty.insist(contact, `welcome ${index} by ${phone.pn}`, { account })
  }
}
