// Bare Baileys with everything in memory, as a child: what the engine is measured against.
import {
  type BinaryNode,
  DisconnectReason,
  generateMessageIDV2,
  makeWASocket,
  WA_CERT_DETAILS,
  type WASocket,
} from 'baileys'
import { pino } from 'pino'
import * as v from 'valibot'
import { silenceSignalConsole } from '../../engine-node/sessions/signal-console.ts'
import { createMemoryAuth } from '../../test/whatsapp/baileys-client.ts'
import { answerParent, childOptions } from './child.ts'
import { type SendLoad, sendUnderLoad } from './send-load.ts'

const Options = v.object({ url: v.string(), rootKey: v.string() })

function createBareClient({ url, rootKey }: v.InferOutput<typeof Options>) {
  silenceSignalConsole()
  Buffer.from(rootKey, 'hex').copy(WA_CERT_DETAILS.PUBLIC_KEY)
  const auth = createMemoryAuth()
  const logger = pino({ level: 'silent' })
  const store = new Map<string, unknown>()
  const acks = new Map<string, () => void>()
  const qr = Promise.withResolvers<string>()
  const open = Promise.withResolvers<void>()
  let socket: WASocket | undefined
  let received = 0
  let waiting = { total: Number.POSITIVE_INFINITY, reached() {} }

  function connect(): void {
    const current = makeWASocket({ waWebSocketUrl: url, auth, logger })
    socket = current
    current.ev.on('creds.update', update => void Object.assign(auth.creds, update))
    current.ev.on('connection.update', update => {
      if (update.qr !== undefined) qr.resolve(update.qr)
      if (update.connection === 'open') open.resolve()
      if (update.connection !== 'close') return
      // A Boom, which Baileys types as an Error.
      const error = update.lastDisconnect?.error as { output?: { statusCode: number } } | undefined
      if (error?.output?.statusCode === DisconnectReason.restartRequired) connect()
    })
    current.ev.on('messages.upsert', ({ messages }) => {
      for (const message of messages) {
        if (message.key.fromMe) continue
        store.set(message.key.id ?? '', message)
        received += 1
      }
      if (received >= waiting.total) waiting.reached()
    })
    current.ws.on('CB:ack,class:message', ({ attrs }: BinaryNode) => {
      acks.get(attrs.id ?? '')?.()
      acks.delete(attrs.id ?? '')
    })
  }

  const commands = {
    /** Connects for the first time, and gives what a phone has to scan. */
    qr() {
      connect()
      return qr.promise
    },
    opened: () => open.promise,
    send: (load: SendLoad) =>
      sendUnderLoad(load, async (number, text) => {
        const messageId = generateMessageIDV2()
        const acknowledged = new Promise<void>(resolve => acks.set(messageId, resolve))
        await socket?.sendMessage(`${number}@s.whatsapp.net`, { text }, { messageId })
        await acknowledged
      }),
    /** How many have come. */
    received: () => received,
    /** Resolves when so many have come in all. */
    reached: (total: number) =>
      new Promise<null>(resolve => {
        if (received >= total) resolve(null)
        waiting = { total, reached: () => resolve(null) }
      }),
  }
  answerParent(commands, async () => void (await socket?.end(undefined)))
  return commands
}

export type BareCommands = ReturnType<typeof createBareClient>

if (import.meta.main) createBareClient(v.parse(Options, childOptions()))
