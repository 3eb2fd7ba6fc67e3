// One connection to WhatsApp, from the loading of its keys to its close: the only file that makes a Baileys socket. It is
// used once; whether another one follows is session.ts's business.
import makeWASocket, { type BaileysEventMap, DEFAULT_CONNECTION_CONFIG, type WASocket } from 'baileys'
import { GatewayError } from '../../src/contract/errors.ts'
import type { Db } from '../../src/db/db.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { Sealer } from '../store/sealer.ts'
import type { WriteQueue } from '../store/write-queue.ts'
import { loadAuthStore } from './auth-store.ts'
import { createBoundedCache } from './bounded-cache.ts'
import { JOURNAL_AGE_MS, loadDecryptJournal } from './decrypt-journal.ts'
import { createEgressGate, type Sending } from './egress-gate.ts'
import { type ReceivedMessage, toReceived } from './incoming.ts'
import { type ComposedMessage, composeText, type OutgoingText, readProto } from './outgoing.ts'
import { type AddressBook, bothIds, type PersonIds } from './people.ts'
import { ackOf, receiptsOf, type StatusUpdate, statusesOf } from './receipts.ts'
import { sentContent } from './stored-proto.ts'

export interface Identity extends PersonIds {
  pushName: string | null
}

/** What a link tells, in the turn in which Baileys knew it. Nothing comes after `closed`. */
export interface LinkEvents {
  /** A code to scan, each some seconds after the other. */
  qr(text: string): void
  /** The phone has accepted this device. WhatsApp restarts the connection next. */
  paired(identity: Identity): void
  ready(identity: Identity): void
  /** Messages, before their receipts leave: what is queued for the database here is durable before WhatsApp hears of it. */
  received(messages: ReceivedMessage[]): void
  status(updates: StatusUpdate[]): void
  closed(code: number | undefined): void
}

export interface Link {
  /** Null until the phone has accepted this device. */
  identity(): Identity | null
  readonly book: AddressBook
  /** Gives a text its id and bytes. Nothing leaves. */
  compose(input: OutgoingText): ComposedMessage
  /** Sends it. Rejects with `transport_failed`, and `certain` where it is known that nothing left. */
  transmit(message: ComposedMessage): Promise<void>
  /** Has WhatsApp remove this device. Rejects with `session_logout_incomplete` unless that is confirmed. */
  logout(): Promise<void>
  /** Lets out what is durable, then closes in order. */
  end(): Promise<void>
  /** Closes at once; what waits is dropped. */
  kill(): void
}

export interface LinkDeps {
  db: Db
  queue: WriteQueue
  sealer: Sealer
  clock: Clock
  log: Logger
  url: string
}

/** How long a close may take before the connection is cut: a peer that is gone answers no close frame. */
const CLOSE_WAIT_MS = 2_000
const LOGOUT_WAIT_MS = 10_000
const PRUNE_EVERY_MS = JOURNAL_AGE_MS / 4

/** Fields of Baileys' log lines that carry keys. */
const SECRETS = [
  '*.privKey',
  '*.private',
  'creds',
  'node',
  '*.noiseKey',
  '*.signedIdentityKey',
  '*.advSecretKey',
]

/**
 * Loads a session's keys and connects. Rejects with `credentials_unreadable`, and with the driver's error when the
 * database cannot be read.
 */
export async function openLink(
  deps: LinkDeps & { sessionId: string; wasPaired: boolean },
  events: LinkEvents,
): Promise<Link> {
  const { db, queue, sealer, clock, sessionId } = deps
  const store = await loadAuthStore(deps)
  const journal = await loadDecryptJournal(deps)
  const cache = (max: number, minutes: number) =>
    createBoundedCache({ max, ttlMs: minutes * 60_000, now: clock.now })
  const sock = makeWASocket({
    auth: store.state,
    logger: quiet(deps.log, sessionId),
    waWebSocketUrl: deps.url,
    // Online, this device would silence the notifications of the phone.
    markOnlineOnConnect: false,
    // The recent history is still taken: it brings the pairs of phone and lid.
    syncFullHistory: false,
    makeSignalRepository: journal.wrap(DEFAULT_CONNECTION_CONFIG.makeSignalRepository),
    getMessage: async ({ id }) => (id ? sentContent({ db, sealer, sessionId }, id) : undefined),
    // The key store answers from memory and cannot fail; durability is the gate's business.
    transactionOpts: { maxCommitRetries: 1, delayBetweenTriesMs: 0 },
    msgRetryCounterCache: cache(10_000, 60),
    userDevicesCache: cache(10_000, 5),
    callOfferCache: cache(1_000, 5),
    placeholderResendCache: cache(1_000, 60),
    mediaCache: cache(100, 60),
  })
  const { creds } = store.state
  const wire = rawSocket(sock)
  const gate = createEgressGate({ socket: wire, queue })
  let isClosed = false
  let undoTimer = () => {}

  const identity = (): Identity | null =>
    creds.me ? { ...bothIds(store.book, creds.me.id, creds.me.lid), pushName: creds.me.name ?? null } : null

  /** From here on the memory of this connection counts for nothing; the next one starts from the database. */
  function shut() {
    isClosed = true
    undoTimer()
    gate.close()
    store.close()
    journal.close()
  }

  function pruneLater(wait: number) {
    undoTimer = clock.after(wait, () => {
      journal.prune()
      pruneLater(PRUNE_EVERY_MS)
    })
  }

  const handlers: { [E in keyof BaileysEventMap]?: (data: BaileysEventMap[E]) => void } = {
    'messages.upsert': ({ messages }) => {
      const receiver = { me: identity() ?? { phoneId: null, lidId: null }, book: store.book }
      const received = messages
        .map(message => toReceived(message, receiver))
        .filter(message => message !== null)
      if (received.length > 0) events.received(received)
    },
    'messages.update': updates => tell(statusesOf(updates)),
    'message-receipt.update': receipts => tell(receiptsOf(receipts)),
  }
  const tell = (updates: StatusUpdate[]) => {
    if (updates.length > 0) events.status(updates)
  }

  // Heard where Baileys says it and not where it tells it: between the two lies a buffer that holds messages back for up
  // to 30 s while their receipts leave, and that is thrown away when the connection ends.
  const emit = sock.ev.emit.bind(sock.ev)
  sock.ev.emit = (event, data) => {
    if (!isClosed) handlers[event]?.(data)
    return emit(event, data)
  }
  sock.ws.on('CB:ack,class:message', node => {
    if (!isClosed) tell(ackOf(node))
  })
  // Baileys' own listener came first, so `creds` holds the update already.
  sock.ev.on('creds.update', store.saveCreds)
  sock.ev.on('connection.update', ({ connection, qr, isNewLogin, lastDisconnect }) => {
    const me = identity()
    if (isClosed) return
    if (qr) events.qr(qr)
    if (isNewLogin && me) events.paired(me)
    if (connection === 'open' && me) {
      pruneLater(JOURNAL_AGE_MS)
      events.ready(me)
    }
    if (connection === 'close') {
      shut()
      events.closed(statusCodeOf(lastDisconnect?.error))
    }
  })

  return {
    identity,
    book: store.book,
    compose(input) {
      if (!creds.me) throw new GatewayError('session_not_ready', 'The session has no account yet')
      return composeText(input, { meJid: creds.me.id, now: clock.now() })
    },
    async transmit({ waMessageId, proto }) {
      const { key, message } = readProto(proto)
      try {
        await sock.relayMessage(key.remoteJid ?? '', message ?? {}, { messageId: waMessageId })
      } catch (cause) {
        throw new GatewayError('transport_failed', 'The message could not be sent', { cause, certain: true })
      }
      if (isClosed)
        throw new GatewayError('transport_failed', 'The connection ended while the message was sent', {
          certain: false,
        })
    },
    async logout() {
      const gone = new Promise<number | undefined>(resolve => {
        sock.ev.on('connection.update', ({ connection, lastDisconnect }) => {
          if (connection === 'close') resolve(statusCodeOf(lastDisconnect?.error))
        })
      })
      const answered = sock.query(removeDevice(creds.me?.id ?? ''), LOGOUT_WAIT_MS).then(
        answer => answer !== undefined,
        () => false,
      )
      const isConfirmed = await Promise.race([answered, gone.then(code => code === 401)])
      if (!isConfirmed)
        throw new GatewayError(
          'session_logout_incomplete',
          'WhatsApp did not confirm that the device is unlinked. Try again, or unlink it on the phone',
        )
    },
    async end() {
      if (!isClosed) {
        // Frames whose writes are under way may still go; what fails there is told to everybody by the queue.
        await queue.settled().catch(() => {})
        await new Promise(resolve => setImmediate(resolve))
      }
      shut()
      const undo = clock.after(CLOSE_WAIT_MS, () => wire.terminate())
      await sock.end(undefined)
      undo()
    },
    kill() {
      shut()
      wire.terminate()
      void sock.end(undefined)
    },
  }
}

/** Below `warn` Baileys logs what it encrypts, and with which keys. */
const quiet = (log: Logger, sessionId: string) =>
  log.child(
    { sessionId, part: 'baileys' },
    { level: log.isLevelEnabled('warn') ? 'warn' : log.level, redact: SECRETS },
  )

/** The WebSocket under Baileys' client: made in its constructor, and private in its types only. */
const rawSocket = (sock: WASocket) =>
  (sock.ws as unknown as { socket: Sending & { terminate(): void } }).socket

/** Baileys' errors carry their code as Boom does. */
function statusCodeOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('output' in error)) return undefined
  const { output } = error
  if (typeof output !== 'object' || output === null || !('statusCode' in output)) return undefined
  return typeof output.statusCode === 'number' ? output.statusCode : undefined
}

const removeDevice = (jid: string) => ({
  tag: 'iq',
  attrs: { to: 's.whatsapp.net', type: 'set', xmlns: 'md' },
  content: [{ tag: 'remove-companion-device', attrs: { jid, reason: 'user_initiated' } }],
})
