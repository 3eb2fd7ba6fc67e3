// The real, unmodified Baileys with its state in memory, for tests of the emulator. Gateways have their own.
import {
  type AuthenticationState,
  type BaileysEventMap,
  BufferJSON,
  DisconnectReason,
  initAuthCreds,
  makeWASocket,
  type SignalDataTypeMap,
  type UserFacingSocketConfig,
  WA_CERT_DETAILS,
  type WAMessage,
  type WAMessageUpdate,
  type WASocket,
} from 'baileys'
import { pino } from 'pino'
import { readText } from './inbox.ts'
import { createRecorder, type Recorder } from './recorder.ts'
import type { WhatsApp } from './whatsapp.ts'

export interface MemoryAuth extends AuthenticationState {
  /** What a store would have written to disk. */
  serialize(): string
}

/** Credentials of a new device, or those that were serialized. */
export function createMemoryAuth(serialized?: string): MemoryAuth {
  const saved = serialized === undefined ? undefined : JSON.parse(serialized, BufferJSON.reviver)
  const creds = saved?.creds ?? initAuthCreds()
  const entries = new Map<string, unknown>(saved?.entries)
  return {
    creds,
    keys: {
      async get<T extends keyof SignalDataTypeMap>(type: T, ids: string[]) {
        const found = ids.filter(id => entries.has(`${type} ${id}`))
        return Object.fromEntries(found.map(id => [id, entries.get(`${type} ${id}`) as SignalDataTypeMap[T]]))
      },
      async set(data) {
        for (const [type, values] of Object.entries(data)) {
          for (const [id, value] of Object.entries(values)) {
            if (value === null) entries.delete(`${type} ${id}`)
            else entries.set(`${type} ${id}`, value)
          }
        }
      },
    },
    serialize: () => JSON.stringify({ creds, entries: [...entries] }, BufferJSON.replacer),
  }
}

/** A request to send again may come before the sending of it has returned. */
const GET_MESSAGE_MS = 1_000

export interface Upsert {
  readonly message: WAMessage
  readonly type: BaileysEventMap['messages.upsert']['type']
}

/** A connection that ended before it was open. */
export class Closed extends Error {
  readonly code: number | undefined
  /** What the server said besides. */
  readonly data: unknown

  constructor(code: number | undefined, reason: string, data: unknown) {
    super(`closed with ${code}: ${reason}`)
    this.code = code
    this.data = data
  }
}

export interface BaileysClient extends AsyncDisposable {
  readonly auth: MemoryAuth
  /** Of the last open(). */
  readonly socket: WASocket
  /** Connects, and once more when told to restart. Resolves when open; rejects with Closed otherwise. */
  open(): Promise<void>
  close(): Promise<void>
  /** The status code of the next end of a connection that was not asked for here. */
  closed(): Promise<number | undefined>
  /** Sends a text and gives its id. */
  send(jid: string, text: string, options?: { quoted: WAMessage }): Promise<string>
  /** The next message with this text. */
  hears(text: string): Promise<Upsert>
  readonly upserts: Recorder<Upsert>
  readonly updates: Recorder<WAMessageUpdate>
  /** The first of these events, past or to come, that is wanted and was not given before. */
  event<E extends keyof BaileysEventMap>(
    name: E,
    wanted?: (event: BaileysEventMap[E]) => boolean,
  ): Promise<BaileysEventMap[E]>
}

interface Options {
  readonly whatsapp: Pick<WhatsApp, 'url' | 'rootKey'>
  readonly auth?: MemoryAuth
  onQr?(qr: string): unknown
  readonly config?: Partial<UserFacingSocketConfig>
}

/** Makes a client that is not connected yet. */
export function createBaileysClient({
  whatsapp,
  auth = createMemoryAuth(),
  onQr,
  config,
}: Options): BaileysClient {
  whatsapp.rootKey.copy(WA_CERT_DETAILS.PUBLIC_KEY)
  const upserts = createRecorder<Upsert>({
    what: 'messages.upsert',
    describe: ({ message, type }) => `${type} "${readText(message.message)}" of ${message.key.remoteJid}`,
  })
  const updates = createRecorder<WAMessageUpdate>({
    what: 'messages.update',
    describe: ({ key, update }) => `${key.id} status ${update.status}`,
  })
  const ends = createRecorder<Closed>({ what: 'connection close', describe: ({ message }) => message })
  const events = createRecorder<{ name: string; event: unknown }>({
    what: 'event',
    describe: ({ name }) => name,
  })
  const sent = createRecorder<WAMessage>({ what: 'sent', describe: ({ key }) => key.id ?? '' })
  let socket: WASocket | undefined

  function connect(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const logger = pino({ level: 'silent' })
    const current = makeWASocket({
      waWebSocketUrl: whatsapp.url,
      auth,
      logger,
      // Asked for when a linked device of a contact could not read something: what Baileys remembers itself is under
      // the address of the person, where it does not find it for a device.
      getMessage: async ({ id }) =>
        (await sent.find(({ key }) => key.id === id, GET_MESSAGE_MS)).message ?? undefined,
      ...config,
    })
    socket = current
    current.ev.process(batch => {
      for (const [name, event] of Object.entries(batch)) events.add({ name, event })
    })
    current.ev.on('creds.update', update => void Object.assign(auth.creds, update))
    current.ev.on('messages.upsert', ({ messages, type }) => {
      for (const message of messages) upserts.add({ message, type })
    })
    current.ev.on('messages.update', changed => changed.forEach(updates.add))
    current.ev.on('connection.update', ({ qr, connection, lastDisconnect }) => {
      if (qr !== undefined) Promise.resolve(onQr?.(qr)).catch(reject)
      if (connection === 'open') resolve()
      if (connection !== 'close') return
      // A Boom, which Baileys types as an Error.
      const error = lastDisconnect?.error as
        | (Error & { output?: { statusCode: number }; data?: unknown })
        | undefined
      const closed = new Closed(error?.output?.statusCode, error?.message ?? 'by the client', error?.data)
      if (error) ends.add(closed)
      reject(closed)
    })
    return promise
  }

  const client: BaileysClient = {
    auth,
    get socket() {
      if (!socket) throw new Error('open() comes first')
      return socket
    },
    async open() {
      try {
        await connect()
      } catch (error) {
        if (!(error instanceof Closed) || error.code !== DisconnectReason.restartRequired) throw error
        await ends.take(each => each === error)
        await connect()
      }
    },
    close: async () => void (await socket?.end(undefined)),
    closed: async () => (await ends.take(() => true)).code,
    async send(jid, text, options) {
      const message = await client.socket.sendMessage(jid, { text }, options)
      if (message) sent.add(message)
      return message?.key.id ?? ''
    },
    hears: text => upserts.take(({ message }) => readText(message.message) === text),
    upserts,
    updates,
    async event<E extends keyof BaileysEventMap>(
      name: E,
      wanted: (event: BaileysEventMap[E]) => boolean = () => true,
    ) {
      const found = await events.take(each => each.name === name && wanted(each.event as BaileysEventMap[E]))
      return found.event as BaileysEventMap[E]
    },
    [Symbol.asyncDispose]: () => client.close(),
  }
  return client
}
