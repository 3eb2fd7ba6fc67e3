// What the rest of the gateway hears of a message: events for webhooks, recorded with their cause, and hooks for plugins once
// that is durable. Which change brings which news stands here; when it happens is the pipeline's business.
import type { EventData } from '../../src/contract/events.ts'
import type { HookName, HookPayload } from '../../src/contract/hooks.ts'
import type { IncomingMessage, MessageStatus } from '../../src/contract/message.ts'
import type { Statement } from '../../src/db/db.ts'
import { type NewMessageRow, toStored } from '../../src/db/messages.ts'
import type { HookOrigin, HookOutcome } from '../hooks/chain.ts'
import type { Logger } from '../log.ts'
import type { EventLog } from '../outbox/event-log.ts'

/** The part of the hook chain that is needed here. It keeps to its budget however a plugin behaves. */
export interface HookRunner {
  run<N extends HookName>(event: N, data: HookPayload<N>, origin: HookOrigin): Promise<HookOutcome<N>>
  order(event: HookName): readonly unknown[]
}

export type Record = EventLog['record']

/** OpenWA's numbers for the states, which its plugins compare. */
const acks: { readonly [S in MessageStatus]: number } = {
  failed: -1,
  pending: 0,
  sent: 1,
  delivered: 2,
  read: 3,
  played: 4,
}

/** A change of an own message's state, as WhatsApp or we ourselves brought it about. */
export interface StateChange {
  sessionId: string
  waMessageId: string
  chatId: string
  status: MessageStatus
  /** WhatsApp's code, or one of ours, for a failure. */
  error?: string
}

export interface MessageNews {
  /** For a message that is inserted in the same commit: nothing is recorded of one that was stored before. */
  stored(row: NewMessageRow, message: IncomingMessage): Statement[]
  /** The rest is to follow the statement that makes the change, and records nothing where that changed nothing. */
  sent(sessionId: string, message: IncomingMessage): Statement[]
  acked(change: StateChange): Statement[]
  failed(change: StateChange): Statement[]
  /** JSON for the row, where a plugin waits for this message; null where none does. */
  untold(message: IncomingMessage): string | null
  /** Resolves when the plugins have heard of it. */
  tellMessage(sessionId: string, message: IncomingMessage): Promise<void>
  tellStored(row: NewMessageRow): Promise<void>
  /** The same for a row that nothing else of its chat waits for. */
  tellPersisted(row: NewMessageRow): void
  /** Its owner has deleted it on the phone: what it said is gone already. */
  tellDeleted(row: NewMessageRow): void
  tellAcked(change: StateChange): void
  tellFailed(sessionId: string, failure: { type: string; input: { chatId: string }; error: string }): void
}

const eventOf = ({ fromMe }: IncomingMessage) => (fromMe ? 'message.sent' : 'message.received')
const hookOf = ({ fromMe }: IncomingMessage) => (fromMe ? 'message:sent' : 'message:received')

/** How long a status is shown. */
const STATUS_MS = 24 * 60 * 60_000

/** A status that somebody has posted, besides the message that it is; its file is fetched by the message's route. */
function statusOf(sessionId: string, message: IncomingMessage): EventData<'status.received'> | null {
  const { id, author, from, body, type, media, timestamp, contact } = message
  if (message.kind !== 'status' || message.fromMe) return null
  const postedAt = timestamp * 1000
  return {
    sessionId,
    statusId: id,
    contact: { ...contact, id: author ?? from },
    type,
    ...(body !== '' && { caption: body }),
    hasMedia: media !== undefined,
    mediaOmitted: media !== undefined,
    ...(media && { omitReason: 'never_inlined' }),
    postedAt,
    expiresAt: postedAt + STATUS_MS,
  }
}

export function createMessageNews(deps: {
  record: Record
  chain: HookRunner
  now(): number
  log: Logger
}): MessageNews {
  const { record, chain, now, log } = deps

  const ackData = ({ waMessageId: id, status, chatId, error }: StateChange) => ({
    id,
    messageId: id,
    status,
    ack: acks[status],
    chatId,
    ...(error !== undefined && { error }),
  })
  const ifChanged = () => ({ occurredAt: now(), onlyIf: 'changed' }) as const

  /** Holds nothing up; a chain that fails is a fault of ours. */
  const later = (event: string, told: Promise<unknown>) =>
    void told.catch(err => log.error({ err, event }, 'plugins could not be told of a message'))

  async function tellStored(row: NewMessageRow) {
    const { sessionId } = row
    if (chain.order('message:persisted').length === 0) return
    const of = { sessionId, source: 'MessageService' } as const
    await chain.run('message:persisted', { sessionId, message: toStored(row) }, of)
  }

  return {
    stored(row, message) {
      const when = { occurredAt: message.timestamp * 1000, onlyIf: { messageStored: row.id } }
      const status = statusOf(row.sessionId, message)
      return [
        ...record(eventOf(message), row.sessionId, message, { ...when, json: row.untold }),
        ...(status ? record('status.received', row.sessionId, status, when) : []),
      ]
    },
    sent: (sessionId, message) =>
      record('message.sent', sessionId, message, {
        occurredAt: message.timestamp * 1000,
        onlyIf: 'changed',
      }),
    acked: change => record('message.ack', change.sessionId, ackData(change), ifChanged()),
    failed: change => record('message.failed', change.sessionId, ackData(change), ifChanged()),
    untold: message => (chain.order(hookOf(message)).length > 0 ? JSON.stringify(message) : null),
    async tellMessage(sessionId, message) {
      await chain.run(hookOf(message), message, { sessionId, source: 'Engine' })
    },
    tellStored,
    tellPersisted: row => later('message:persisted', tellStored(row)),
    tellDeleted(row) {
      const of = { sessionId: row.sessionId, source: 'MessageService' } as const
      later(
        'message:deleted',
        chain.run('message:deleted', { sessionId: row.sessionId, message: toStored(row) }, of),
      )
    },
    tellAcked({ sessionId, waMessageId: messageId, status }) {
      const of = { sessionId, source: 'Engine' } as const
      later('message:ack', chain.run('message:ack', { messageId, status, ack: acks[status] }, of))
    },
    tellFailed(sessionId, failure) {
      const of = { sessionId, source: 'MessageService' } as const
      later('message:failed', chain.run('message:failed', { sessionId, ...failure }, of))
    },
  }
}
