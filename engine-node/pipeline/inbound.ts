// What comes from WhatsApp: a message becomes a row, and once the row is durable its hooks run, in the order of its chat.
import type { HookSource } from '../../src/contract/hooks.ts'
import type { SessionId } from '../../src/contract/ids.ts'
import type { IncomingMessage } from '../../src/contract/message.ts'
import type { Db } from '../../src/db/db.ts'
import { dropTwin, insertMessage, type NewMessageRow, updateMessageStatus } from '../../src/db/messages.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { Inbound as InboundPort } from '../sessions/inbound-port.ts'
import type { ReceivedMessage } from '../sessions/incoming.ts'
import { sealProto } from '../sessions/stored-proto.ts'
import type { Sealer } from '../store/sealer.ts'
import type { WriteQueue } from '../store/write-queue.ts'
import { createLanes } from './lanes.ts'

/** The part of the hook chain that is needed here. It keeps to its budget however a plugin behaves. */
export interface HookRunner {
  run(
    event: 'message:received',
    data: IncomingMessage,
    origin: { sessionId: SessionId; source: HookSource },
  ): Promise<unknown>
}

export interface Inbound extends InboundPort, AsyncDisposable {}

export function createInbound(deps: {
  db: Db
  queue: Pick<WriteQueue, 'commit' | 'put'>
  sealer: Sealer
  clock: Clock
  log: Logger
  chain: HookRunner
  /** Ids of rows; see row-ids.ts. */
  nextRowId: () => string
}): Inbound {
  const { db, queue, sealer, clock, log, chain, nextRowId } = deps
  const lanes = createLanes({
    onError: error => log.error({ err: error }, 'a received message was stored, but its hooks could not run'),
  })

  function rowOf(sessionId: SessionId, received: ReceivedMessage): NewMessageRow {
    const { message, senderId, person, proto } = received
    const id = nextRowId()
    const { quotedMessage, mentionedIds } = message
    return {
      id,
      sessionId,
      waMessageId: message.id,
      chatId: message.chatId,
      senderId,
      from: message.from,
      to: message.to,
      phoneId: person.phoneId,
      lidId: person.lidId,
      chatName: null,
      author: message.author ?? null,
      body: message.body,
      type: message.type,
      direction: message.fromMe ? 'outgoing' : 'incoming',
      timestamp: message.timestamp,
      metadata: quotedMessage || mentionedIds ? { quotedMessage, mentionedIds } : null,
      status: message.fromMe ? 'sent' : 'delivered',
      protoSealed: sealProto(sealer, sessionId, id, proto),
      createdAt: clock.now(),
    }
  }

  /** True when the message is new, false when it was stored before; resolves when it is durable. */
  async function store(row: NewMessageRow): Promise<boolean> {
    const isAliased = row.phoneId != null && row.lidId != null
    const [inserted, dropped] = await queue.commit([
      insertMessage(db, row),
      ...(isAliased ? [dropTwin(db, row)] : []),
    ])
    return inserted === 1 && dropped !== 1
  }

  return {
    receive(sessionId, messages) {
      for (const received of messages) {
        const { message } = received
        // Queued here and not in the lane: the receipt of this message waits for all that is queued in this turn.
        const stored = store(rowOf(sessionId, received))
        lanes.add(`${sessionId} ${message.chatId}`, async () => {
          const isNew = await stored
          if (isNew && !message.fromMe)
            await chain.run('message:received', message, { sessionId, source: 'Engine' })
        })
      }
    },
    settle(sessionId, updates) {
      queue.put(
        updates.map(({ waMessageId, status, error }) =>
          updateMessageStatus(db, { sessionId, waMessageId, status, error: error ?? null }),
        ),
      )
    },
    [Symbol.asyncDispose]: () => lanes[Symbol.asyncDispose](),
  }
}
