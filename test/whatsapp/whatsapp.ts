// A WhatsApp server on loopback for tests: the parts connected. What a test may say stands in its interface.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'
import { type Account, createDirectory } from './account.ts'
import { accountAnswers } from './account-answers.ts'
import { appStateAnswers } from './app-state.ts'
import { createAuthority } from './certificates.ts'
import { type Connection, createConnection } from './connection.ts'
import { type Contact, createContact } from './contact.ts'
import { createFaults } from './faults.ts'
import { createIq } from './iq.ts'
import { createKeyAnswers } from './key-answers.ts'
import { createLogin } from './login.ts'
import { createPairing } from './pairing.ts'
import { createPhone, type Phone } from './phone.ts'
import { createPost } from './post.ts'
import { createRelay } from './relay.ts'
import { createStanzas } from './stanzas.ts'
import { createTimers } from './timers.ts'
import { createUsyncAnswers } from './usync-answers.ts'
import { createWireLog, type WireLog } from './wire-log.ts'

export interface WhatsAppOptions {
  /**
   * How long after a message its receipts come. At 0 Baileys merges them into its own `messages.upsert`, which it
   * holds back 100 ms; from 150 on they are updates of their own, as on a real network.
   */
  readonly receiptDelayMs?: number
  /** Baileys drops what arrives before it has derived its keys. A real server is never so fast, loopback is. */
  readonly handshakeDelayMs?: number
  /** 0, unless told, lets the system choose. */
  readonly port?: number
}

export interface WhatsApp extends AsyncDisposable {
  /** For `waWebSocketUrl`. */
  readonly url: string
  /** For `WA_CERT_DETAILS.PUBLIC_KEY`. */
  readonly rootKey: Buffer
  /** The phone with this number; asked twice, it is the same one. */
  phone(pn: string, options?: { name?: string }): Phone
  /** The contact with this number; asked twice, it is the same one. Numbers never asked for are not on WhatsApp. */
  contact(pn: string, options?: { name?: string }): Contact
  /** Every id that crossed the wire to and from logged-in devices. */
  readonly log: WireLog
  /** What clients did that the emulator does not know or could not do. A test that ends well leaves it empty. */
  readonly surprises: readonly string[]
  /** Refuses the next message of any client with this code and does not deliver it. Called twice: the next two. */
  nackNext(code: number): void
  /** Delivers the next message but never acknowledges it. */
  loseAckNext(): void
  /** Resets new connections before they open, until told otherwise. */
  refuse(refusing: boolean): void
  /** Lets logins fail with this reason (401, 403, 503), until told undefined. */
  loginFailure(reason: number | undefined): void
}

const HOST = '127.0.0.1'
/** The newest are kept. */
const MAX_SURPRISES = 200

/** Starts a server. Dispose it, and all its connections end. */
export async function createWhatsApp(options: WhatsAppOptions = {}): Promise<WhatsApp> {
  const { receiptDelayMs = 0, handshakeDelayMs = 15, port = 0 } = options
  const surprises: string[] = []
  const surprise = (what: string) => {
    surprises.push(what)
    if (surprises.length > MAX_SURPRISES) surprises.shift()
  }

  const timers = createTimers()
  const log = createWireLog()
  const authority = createAuthority()
  const directory = createDirectory()
  const faults = createFaults()
  const pairing = createPairing()
  const post = createPost({ surprise })
  const login = createLogin({ directory, faults, post })
  const relay = createRelay({ directory, faults, post, timers, receiptDelayMs, surprise })
  const iq = createIq({
    unpaired: pairing.answers,
    paired: [
      login.answers,
      accountAnswers,
      appStateAnswers,
      createKeyAnswers(directory),
      createUsyncAnswers(directory),
    ],
    surprise,
  })
  const onStanza = createStanzas({ iq, relay, post, surprise })

  function onClient(connection: Connection): void {
    if (connection.client?.payload.devicePairingData) pairing.begin(connection)
    else login.open(connection)
  }

  function onClosed(connection: Connection): void {
    pairing.abandon(connection)
    const { companion } = connection
    if (companion?.connection !== connection) return
    companion.connection = undefined
    companion.account.milestones.add({ device: companion.id, reached: 'offline' })
  }

  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  const server = createServer((_request, response) => response.writeHead(404).end())
  server.on('upgrade', (request, stream, head) => {
    if (faults.refusing) return stream.destroy()
    sockets.handleUpgrade(request, stream, head, socket => {
      createConnection({
        socket,
        authority,
        log,
        timers,
        handshakeDelayMs,
        onClient,
        onStanza,
        onClosed,
        surprise,
      })
    })
  })
  server.listen(port, HOST)
  await once(server, 'listening')

  const phones = new Map<Account, Phone>()
  const contacts = new Map<Account, Contact>()
  function actor<T>(known: Map<Account, T>, account: Account, create: () => T): T {
    const found = known.get(account) ?? create()
    known.set(account, found)
    return found
  }

  return {
    url: `ws://${HOST}:${(server.address() as AddressInfo).port}/ws/chat`,
    rootKey: authority.rootKey,
    phone(pn, { name } = {}) {
      const account = directory.register(pn, name)
      return actor(phones, account, () => createPhone({ account, directory, pairing, post }))
    },
    contact(pn, { name } = {}) {
      const account = directory.register(pn, name)
      return actor(contacts, account, () => createContact({ account, directory, post }))
    },
    log,
    surprises,
    nackNext: code => void faults.fates.push({ kind: 'nack', code }),
    loseAckNext: () => void faults.fates.push({ kind: 'lose-ack' }),
    refuse(refusing) {
      faults.refusing = refusing
    },
    loginFailure(reason) {
      faults.loginFailure = reason
    },
    async [Symbol.asyncDispose]() {
      timers[Symbol.dispose]()
      for (const socket of sockets.clients) socket.terminate()
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
