// A WhatsApp server on loopback for tests: the parts connected. What a test may say stands in its interface.
import { type Account, createDirectory, type Person } from './account.ts'
import { createAccountAnswers } from './account-answers.ts'
import { createCalls } from './calls.ts'
import { createAuthority } from './certificates.ts'
import { type Connection, createConnection } from './connection.ts'
import { type Contact, createContact } from './contact.ts'
import { createDeviceNotices } from './device-notices.ts'
import { createFaults, type LoginFailure } from './faults.ts'
import { createFrontDoor, type Visits } from './front-door.ts'
import { createGroup, type Group } from './group.ts'
import { createGroupOffice } from './group-office.ts'
import { type AddressingMode, createGroups } from './group-state.ts'
import { createHistory } from './history.ts'
import { createIq } from './iq.ts'
import { createKeyAnswers } from './key-answers.ts'
import { createLedger } from './ledger.ts'
import { createLogin } from './login.ts'
import { createMedia, type Media } from './media.ts'
import { createMediaHost } from './media-host.ts'
import { createOutgoing } from './outgoing.ts'
import { createPairing } from './pairing.ts'
import { createPairingCode } from './pairing-code.ts'
import { createPeerMessages } from './peer-messages.ts'
import { createPhone, type Phone } from './phone.ts'
import { createPhoneErrands } from './phone-errands.ts'
import { createPost } from './post.ts'
import { createPresences, type Shown } from './presences.ts'
import type { Recorder } from './recorder.ts'
import { createRelay } from './relay.ts'
import { createSharedSettings } from './shared-settings.ts'
import { createStanzas } from './stanzas.ts'
import { createTimers } from './timers.ts'
import { createUsyncAnswers } from './usync-answers.ts'
import { createVoice } from './voice.ts'
import { createWireLog, type WireLog } from './wire-log.ts'

export interface WhatsAppOptions {
  /**
   * How long after a message its receipts come. At 0 Baileys merges them into its own `messages.upsert`, which it
   * holds back 100 ms; from 150 on they are updates of their own, as on a real network.
   */
  readonly receiptDelayMs?: number
  /** Baileys drops what arrives before it has derived its keys. A real server is never so fast, loopback is. */
  readonly handshakeDelayMs?: number
  /** How members of new groups know one another: by `lid` unless told. */
  readonly groupMode?: AddressingMode
  /** 0, unless told, lets the system choose. */
  readonly port?: number
  /** How many entries the log of ids keeps, the newest; 20,000 unless told. */
  readonly logLimit?: number
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
  /** Makes a group; the first member owns it and it knows people as `groupMode` says, unless told. */
  group(
    subject: string,
    options: { readonly members: Person[]; readonly owner?: Person; readonly mode?: AddressingMode },
  ): Group
  /** A group that a client may have made. */
  findGroup(jid: string): Group | undefined
  /** Files, and the server they lie on. */
  readonly media: Media
  /** What clients showed of themselves: there, away, typing; and whom they want to be shown. */
  readonly shown: Recorder<Shown>
  /** The connections that clients have made. */
  readonly visits: Visits
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
  /** Lets new connections open and says nothing on them, until told otherwise. */
  stall(stalling: boolean): void
  /** Lets logins fail with this reason (401 to 503), until told undefined; a 402 may say why and for how long. */
  loginFailure(reason: number | undefined, details?: Omit<LoginFailure, 'reason'>): void
}

/** The newest are kept. */
const MAX_SURPRISES = 200

/** Starts a server. Dispose it, and all its connections end. */
export async function createWhatsApp(options: WhatsAppOptions = {}): Promise<WhatsApp> {
  const { receiptDelayMs = 0, handshakeDelayMs = 15, port = 0, groupMode = 'lid', logLimit } = options
  const surprises: string[] = []
  const surprise = (what: string) => {
    surprises.push(what)
    if (surprises.length > MAX_SURPRISES) surprises.shift()
  }

  const timers = createTimers()
  const log = createWireLog({ ...(logLimit !== undefined && { limit: logLimit }) })
  const mediaHost = await createMediaHost({ timers })
  const media = createMedia(mediaHost)
  const authority = createAuthority()
  const directory = createDirectory()
  const faults = createFaults()
  const post = createPost({ surprise })
  const notices = createDeviceNotices({ directory, post })
  const pairing = createPairing({ onLinked: ({ account, id }) => notices.tell(account, 'add', id) })
  const pairingCode = createPairingCode(pairing)
  const peers = createPeerMessages({ post })
  const ledger = createLedger()
  const history = createHistory({ directory, ledger, media, peers })
  const login = createLogin({ directory, faults, history, notices, peers })
  const settings = createSharedSettings({ post })
  const groups = createGroups()
  const office = createGroupOffice({ directory, groups, post, mode: groupMode, surprise })
  const outgoing = createOutgoing({ directory, groups, ledger, post })
  const errands = createPhoneErrands({ directory, history, ledger, mediaHost, peers, post, surprise })
  const presences = createPresences({ directory, groups })
  const calls = createCalls({ directory, post })
  const relay = createRelay({
    directory,
    groups,
    ledger,
    faults,
    post,
    errands,
    timers,
    receiptDelayMs,
    surprise,
  })
  const iq = createIq({
    unpaired: { ...pairing.answers, ...pairingCode.answers },
    paired: [
      login.answers,
      office.answers,
      createAccountAnswers({ directory, mediaHost }),
      settings.answers,
      createKeyAnswers(directory),
      createUsyncAnswers(directory),
    ],
    surprise,
  })
  const onStanza = createStanzas({ iq, relay, errands, presences, calls, post, surprise })

  function onClient(connection: Connection): void {
    if (connection.client?.payload.devicePairingData) pairing.begin(connection)
    else login.open(connection)
  }

  function onClosed(connection: Connection): void {
    pairing.abandon(connection)
    pairingCode.abandon(connection)
    const { companion } = connection
    if (companion?.connection !== connection) return
    companion.connection = undefined
    companion.account.milestones.add({ device: companion.id, reached: 'offline' })
  }

  const door = await createFrontDoor({
    port,
    faults,
    onSocket: (socket, stream) =>
      void createConnection({
        socket,
        stream,
        authority,
        log,
        timers,
        handshakeDelayMs,
        onClient,
        onStanza,
        onClosed,
        surprise,
      }),
  })

  const voiceOf = (account: Account) => createVoice({ account, groups, ledger, media, outgoing })
  const phones = new Map<Account, Phone>()
  const contacts = new Map<Account, Contact>()
  function actor<T>(known: Map<Account, T>, account: Account, create: () => T): T {
    const found = known.get(account) ?? create()
    known.set(account, found)
    return found
  }

  return {
    url: door.url,
    rootKey: authority.rootKey,
    phone(pn, { name } = {}) {
      const account = directory.register(pn, name)
      return actor(phones, account, () =>
        createPhone({ account, voice: voiceOf(account), settings, notices, post, pairing, pairingCode }),
      )
    },
    contact(pn, { name } = {}) {
      const account = directory.register(pn, name)
      return actor(contacts, account, () =>
        createContact({
          account,
          directory,
          groups,
          voice: voiceOf(account),
          notices,
          presences,
          calls,
          mediaHost,
          post,
        }),
      )
    },
    group(subject, { members, owner = members[0], mode = groupMode }) {
      const accountOf = (person: Person) => directory.register(person.pn)
      if (!owner) throw new Error('a group needs somebody in it')
      const of = { subject, owner: accountOf(owner), members: members.map(accountOf), mode }
      return createGroup({ state: office.create(of), directory, office })
    },
    findGroup(jid) {
      const state = groups.find(jid)
      return state && createGroup({ state, directory, office })
    },
    media,
    shown: presences.shown,
    visits: door.visits,
    log,
    surprises,
    nackNext: code => void faults.fates.push({ kind: 'nack', code }),
    loseAckNext: () => void faults.fates.push({ kind: 'lose-ack' }),
    refuse(refusing) {
      faults.refusing = refusing
    },
    stall(stalling) {
      faults.stalling = stalling
    },
    loginFailure(reason, details) {
      faults.loginFailure = reason === undefined ? undefined : { reason, ...details }
    },
    async [Symbol.asyncDispose]() {
      timers[Symbol.dispose]()
      await door[Symbol.asyncDispose]()
      await mediaHost[Symbol.asyncDispose]()
    },
  }
}
