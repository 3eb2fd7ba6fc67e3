// One connection to WhatsApp, from the loading of its keys to its close: the only file that makes a Baileys socket. It is
// used once; whether another one follows is session.ts's business.
import makeWASocket, {
  type BaileysEventMap,
  type BinaryNode,
  DEFAULT_CONNECTION_CONFIG,
  type WAMessage,
  type WASocket,
} from 'baileys'
import { GatewayError } from '../../src/contract/errors.ts'
import type { SessionConfig } from '../../src/contract/session.ts'
import { factsOfMessages } from './account-facts.ts'
import { createAccountLink } from './account-link.ts'
import { loadAuthStore } from './auth-store.ts'
import { quiet } from './baileys-log.ts'
import { createContactTokens } from './contact-tokens.ts'
import { loadDecryptJournal } from './decrypt-journal.ts'
import { createEgressGate, type Sending } from './egress-gate.ts'
import { createHistorySync } from './history-sync.ts'
import { toHidden } from './incoming-change.ts'
import { brakeIngress, type Receiving } from './ingress-brake.ts'
import { toNeutral } from './jid.ts'
import type { Identity, Link, LinkDeps, LinkEvents } from './link-port.ts'
import { ping, removeDevice } from './link-stanzas.ts'
import { createLiveness } from './liveness.ts'
import { createMessageLink } from './message-link.ts'
import { toNumberCheck } from './number-check.ts'
import { compose, readProto } from './outgoing.ts'
import { outsideOf } from './outgoing-content.ts'
import { overhear } from './overhear.ts'
import { bothIds, preferredId } from './people.ts'
import { readMessages } from './read-messages.ts'
import { ackOf, playedOf, receiptsOf, type StatusUpdate, statusesOf } from './receipts.ts'
import { restrictionOf } from './restriction.ts'
import { oneAtATime } from './signal-repository.ts'
import { createSocketCaches } from './socket-caches.ts'
import { sentContent } from './stored-proto.ts'
import { answered, lostConnection, noticeOf, statusCodeOf } from './whatsapp-answer.ts'

export type { Identity, Link, LinkDeps, LinkEvents } from './link-port.ts'

/** How long a close may take before the connection is cut: a peer that is gone answers no close frame. */
const CLOSE_WAIT_MS = 2_000
const LOGOUT_WAIT_MS = 10_000

/** What Baileys says when the connection, and not the message, was at fault: closed, lost, unanswered. */
const OF_THE_CONNECTION: ReadonlySet<number | undefined> = new Set([408, 428])

/**
 * Loads a session's keys and connects. Rejects with `credentials_unreadable`, and with the driver's error when the
 * database cannot be read.
 */
export async function openLink(
  deps: LinkDeps & { sessionId: string; wasPaired: boolean; config: () => SessionConfig | null },
  events: LinkEvents,
): Promise<Link> {
  const { db, queue, sealer, clock, sessionId } = deps
  const store = await loadAuthStore(deps)
  const journal = await loadDecryptJournal(deps)
  const { creds } = store.state
  const identity = (): Identity | null =>
    // Asking for a pairing code names the account before the phone has agreed; `account` is the phone's word.
    creds.me && creds.account
      ? { ...bothIds(store.book, creds.me.id, creds.me.lid), pushName: creds.me.name ?? null }
      : null

  const me = () => identity() ?? { phoneId: null, lidId: null }
  const receiver = () => ({ me: me(), book: store.book })

  function heard(given: WAMessage[]) {
    const { received, missed, changes } = readMessages(given, receiver(), (err, { key }) =>
      deps.log.error({ err, sessionId, waMessageId: key.id }, 'a message could not be read'),
    )
    if (received.length > 0) {
      deps.account.hear(sessionId, factsOfMessages(received))
      events.received(received)
    }
    if (missed.length > 0) events.missed(missed)
    if (changes.length > 0) events.changed(changes)
  }

  // What was decrypted before a crash and is no message yet becomes one now, whether or not WhatsApp delivers it again.
  if (creds.me) heard(await journal.orphans({ id: creds.me.id, lid: creds.me.lid ?? '' }))

  const caches = createSocketCaches(clock.elapsed)
  const proxy = (await deps.proxyOf?.(sessionId)) ?? null
  // The same dispatcher in the types of another release.
  const fetchOptions = (proxy ? { dispatcher: proxy.dispatcher } : {}) as unknown as RequestInit
  const tokens = createContactTokens({
    keys: store.state.keys,
    failed: err => deps.log.debug({ err, sessionId }, 'WhatsApp was not told of a contact'),
  })
  const sock = makeWASocket({
    auth: { creds, keys: tokens.keys },
    logger: quiet(deps.log, sessionId),
    waWebSocketUrl: deps.url,
    // Online, this device would silence the notifications of the phone.
    markOnlineOnConnect: false,
    // `liveness` keeps the time; Baileys would keep one for each frame too.
    connectTimeoutMs: 0,
    // The recent history is still taken: it brings the pairs of phone and lid.
    syncFullHistory: false,
    makeSignalRepository: journal.wrap(
      oneAtATime(DEFAULT_CONNECTION_CONFIG.makeSignalRepository, store.state.keys),
    ),
    // All that comes waits while a message is asked for again; a hundred unreadable ones would make the session deaf.
    retryRequestDelayMs: 0,
    cachedGroupMetadata: jid => account.groupMetadata(jid),
    getMessage: async ({ id }) => (id ? sentContent({ db, sealer, clock, sessionId }, id) : undefined),
    // Baileys counts each message that it sends again twice, so this is five times, as other clients have it. What cannot be read is
    // asked for ten times by the same setting.
    maxMsgRetryCount: 10,
    // The key store answers from memory and cannot fail; durability is the gate's business.
    transactionOpts: { maxCommitRetries: 1, delayBetweenTriesMs: 0 },
    ...caches,
    ...(deps.uploadAgent && { fetchAgent: deps.uploadAgent }),
    ...(proxy && { agent: proxy.socketAgent(deps.url), fetchAgent: proxy.agent }),
    options: fetchOptions,
  })
  const account = createAccountLink({
    ...deps,
    sock,
    book: store.book,
    now: clock.now,
    me,
    maySync: () => creds.myAppStateKeyId !== undefined,
    autoRejectCalls: () => deps.config()?.autoRejectCalls === true,
    isOpen: () => !isClosed,
  })
  const past = createHistorySync({
    ...deps,
    receiver,
    options: fetchOptions,
    isOpen: () => !isClosed,
  })
  const wire = rawSocket(sock)
  const gate = createEgressGate({ socket: wire, queue })
  brakeIngress({ socket: wire, queue })
  const liveness = createLiveness({
    clock,
    probe: timeoutMs => sock.query(ping, timeoutMs).then(answer => answer !== undefined),
    isBuffering: () => sock.ev.isBuffering(),
    flush: () => void sock.ev.flush(),
    onDeaf() {
      deps.log.warn({ sessionId }, 'WhatsApp has fallen silent, the connection is replaced')
      wire.terminate()
      void sock.end(lostConnection())
    },
  })
  sock.ws.on('frame', () => liveness.heard())
  let isClosed = false

  /** From here on the memory of this connection counts for nothing; the next one starts from the database. */
  function shut() {
    isClosed = true
    liveness.stop()
    gate.close()
    store.close()
    journal.close()
  }

  const handlers: { [E in keyof BaileysEventMap]?: (data: BaileysEventMap[E]) => void } = {
    'messages.upsert'({ messages }) {
      past.sees(messages)
      heard(messages)
    },
    'messaging-history.set': data => past.holds(data),
    'messages.delete': data => events.changed(toHidden(data, receiver(), clock.now())),
    'messages.update': updates => tell(statusesOf(updates)),
    'message-receipt.update': receipts => tell(receiptsOf(receipts)),
  }
  const tell = (updates: StatusUpdate[]) => {
    if (updates.length === 0) return
    const chatOf = (jid: string) => preferredId(bothIds(store.book, jid)) ?? toNeutral(jid)
    events.status(updates.map(update => ({ ...update, chat: chatOf(update.chat) })))
  }

  overhear(sock.ev, (event, data) => {
    if (isClosed) return
    handlers[event]?.(data)
    account.hear(event, data)
  })
  sock.ws.prependListener('CB:message', (stanza: BinaryNode) => journal.sees(stanza))
  sock.ws.on('CB:ack,class:message', node => {
    if (!isClosed) tell(ackOf(node))
  })
  sock.ws.on('CB:receipt,type:played', node => {
    if (!isClosed) tell(playedOf(node))
  })
  // Baileys' own listener came first, so `creds` holds the update already.
  sock.ev.on('creds.update', store.saveCreds)
  sock.ev.on(
    'connection.update',
    ({ connection, qr, isNewLogin, lastDisconnect, reachoutTimeLock, ...more }) => {
      const me = identity()
      if (isClosed) return
      if (more.receivedPendingNotifications) journal.caughtUp()
      if (reachoutTimeLock) events.restricted(restrictionOf(reachoutTimeLock))
      if (qr) {
        liveness.waits()
        events.qr(qr)
      }
      if (isNewLogin && me) events.paired(me)
      if (connection === 'open' && me) {
        journal.opened()
        liveness.start()
        events.ready(me)
        account.ready().catch(err => deps.log.warn({ err, sessionId }, 'the groups could not be fetched'))
        past.resume().catch(err => deps.log.warn({ err, sessionId }, 'old history could not be taken up'))
      }
      if (connection === 'close') {
        shut()
        events.closed(statusCodeOf(lastDisconnect?.error), noticeOf(lastDisconnect?.error))
      }
    },
  )

  return {
    identity,
    book: store.book,
    account,
    messages: createMessageLink({
      sock,
      clock,
      isClosed: () => isClosed,
      maySync: () => creds.myAppStateKeyId !== undefined,
    }),
    compose(input) {
      if (!creds.me) throw new GatewayError('session_not_ready', 'The session has no account yet')
      return compose(input, { meJid: creds.me.id, now: clock.now() })
    },
    async transmit({ waMessageId, proto }, { refreshDevices = false } = {}) {
      const { key, message } = readProto(proto)
      if (refreshDevices) caches.userDevicesCache.flushAll()
      const lost = (cause?: unknown) =>
        new GatewayError('session_not_ready', 'The connection ended while the message was sent', { cause })
      try {
        const [jid, content] = [key.remoteJid ?? '', message ?? {}]
        await tokens.behind(sock, { jid, content }, () =>
          sock.relayMessage(jid, content, { messageId: waMessageId, ...outsideOf(content) }),
        )
      } catch (cause) {
        if (isClosed || OF_THE_CONNECTION.has(statusCodeOf(cause))) throw lost(cause)
        throw new GatewayError('transport_failed', 'The message could not be sent', { cause, certain: true })
      }
      if (isClosed) throw lost()
    },
    async checkNumber(digits) {
      const answer = await sock.onWhatsApp(`${digits}@s.whatsapp.net`).catch((cause: unknown) => {
        throw new GatewayError('whatsapp_unanswered', 'WhatsApp did not answer whether the number exists', {
          cause,
        })
      })
      return toNumberCheck(digits, answer)
    },
    health: () => liveness.health(),
    pairingCode: phoneNumber => answered('the pairing code', sock.requestPairingCode(phoneNumber)),
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

/** The WebSocket under Baileys' client: made in its constructor, and private in its types only. */
const rawSocket = (sock: WASocket) =>
  (sock.ws as unknown as { socket: Sending & Receiving & { terminate(): void } }).socket
