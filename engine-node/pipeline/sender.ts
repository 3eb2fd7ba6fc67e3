// What goes to WhatsApp, up to its acceptance: plugins may refuse or rewrite it, then it gets its id, its bytes and its row in
// one commit. The way from there is outbound.ts.
import type { Idempotency } from '../../src/contract/engine.ts'
import { GatewayError, toGatewayError } from '../../src/contract/errors.ts'
import type { HookSource } from '../../src/contract/hooks.ts'
import type { SessionId } from '../../src/contract/ids.ts'
import type { Reply, SendResult, SendText } from '../../src/contract/message.ts'
import type { Db } from '../../src/db/db.ts'
import { findMedia, insertMedia, storedMedia } from '../../src/db/message-media.ts'
import { insertMessage } from '../../src/db/message-writes.ts'
import { findByWaId, type MessageRow, type NewMessageRow } from '../../src/db/messages.ts'
import { toMetadata } from '../../src/db/row-details.ts'
import type { CallOrigin } from '../broker/verb.ts'
import type { Clock } from '../clock.ts'
import type { Fault } from '../fault.ts'
import { chatKind, toNeutral } from '../sessions/jid.ts'
import type { Link } from '../sessions/link.ts'
import { bothIds, preferredId } from '../sessions/people.ts'
import { openProto, sealProto } from '../sessions/stored-proto.ts'
import type { Sealer } from '../store/sealer.ts'
import type { WriteQueue } from '../store/write-queue.ts'
import {
  type DraftContext,
  type Drafts,
  type InputOf,
  readInput,
  type SendInput,
  type SendKind,
} from './drafts.ts'
import type { Accepted, IdempotencyKeys } from './idempotency.ts'
import type { HookRunner, MessageNews } from './message-news.ts'
import type { Outbound } from './outbound.ts'
import { toOutgoing } from './outgoing-message.ts'

export interface SendOptions {
  /** The plugin that sends; absent for the API. */
  origin?: Pick<CallOrigin, 'pluginId' | 'inFlight' | 'assertStillAllowed'>
  idempotency?: Idempotency | undefined
  /** What plugins are told that it comes from; the API's single sends where it does not say. */
  source?: HookSource | undefined
  /** Answer when WhatsApp has it or has refused it, in place of when the socket has it. */
  wait?: 'ack' | undefined
}

/** `replayed`: nothing was sent, this is what the same key has led to before. */
export type Sent = SendResult & { replayed?: true }

export interface Sender {
  /**
   * Resolves when the message is accepted: from then on it goes out under its id until WhatsApp has it or refuses it. Rejects
   * with `not_found`, `session_not_started`, `session_not_ready`, `sending_blocked`, `storage_unavailable`, or with
   * `transport_failed` when it cannot go, and `certain`.
   */
  sendText(sessionId: SessionId, input: SendText, options?: SendOptions): Promise<Sent>
  reply(sessionId: SessionId, input: Reply, options?: SendOptions): Promise<Sent>
  /** Any kind of message, as sendText. */
  send<K extends SendKind>(
    sessionId: SessionId,
    kind: K,
    input: InputOf<K>,
    options?: SendOptions,
  ): Promise<Sent>
}

/** How long `wait: 'ack'` waits: an answer takes milliseconds; a client that hears nothing has better things to do. */
export const ACK_ANSWER_MS = 10_000

export function createSender(deps: {
  db: Db
  queue: Pick<WriteQueue, 'commitAhead'>
  sealer: Sealer
  clock: Clock
  /** The connection of a session. Rejects with `not_found`, `session_not_started` or `session_not_ready`. */
  link(sessionId: string): Promise<Link>
  chain: HookRunner
  news: MessageNews
  outbound: Pick<Outbound, 'accept' | 'outcome'>
  keys: IdempotencyKeys
  drafts: Drafts
  /** The seconds after which messages of a chat disappear; 0 where they stay. */
  timerOf(sessionId: string, chatId: string): Promise<number>
  /** Shows that something is being typed for as long as it would take. */
  type(link: Link, chatId: string, characters: number): Promise<void>
  /** Ids of rows; see row-ids.ts. */
  nextRowId: () => string
  fault?: Fault | undefined
}): Sender {
  const { db, queue, sealer, clock, chain, news, outbound, keys, drafts, nextRowId, fault } = deps

  /** The chat's neutral id, and both ids of the person where it is one. */
  function chatOf(link: Link, given: string) {
    const chatId = toNeutral(given)
    const isDirect = chatKind(chatId) === 'individual'
    const person = isDirect ? bothIds(link.book, chatId) : { phoneId: null, lidId: null }
    return { chatId: preferredId(person) ?? chatId, person }
  }

  /** A chat may have been stored under the person's other id, before the pair was known. */
  async function quotedRow(sessionId: SessionId, chat: ReturnType<typeof chatOf>, waMessageId: string) {
    for (const chatId of new Set([chat.chatId, chat.person.lidId ?? chat.chatId])) {
      const row = await findByWaId(db, { sessionId, waMessageId, chatId })
      if (row) return row
    }
    throw new GatewayError('not_found', `Message ${waMessageId} not found in chat ${chat.chatId}`)
  }

  function quotedProto(row: MessageRow): Uint8Array {
    const bytes = openProto(sealer, row)
    if (bytes === null)
      throw new GatewayError('not_found', `Message ${row.waMessageId} was stored without what a quote needs`)
    return bytes
  }

  /** What plugins make of it. The chain has held a rewritten input against the bounds of the API. */
  async function allowed<K extends SendKind>(
    sessionId: SessionId,
    type: K,
    given: InputOf<K>,
    { origin, source = 'MessageService' }: SendOptions,
  ): Promise<InputOf<K>> {
    const cause = origin && { pluginId: origin.pluginId, inFlight: origin.inFlight }
    const verdict = await chain.run(
      'message:sending',
      { sessionId, type, input: given },
      { sessionId, source, ...(cause && { cause }) },
    )
    if (!verdict.continue) throw new GatewayError('sending_blocked', 'Message sending blocked by plugin')
    // Each message of a batch goes where the batch says (plugin contract, section 6).
    const stays = source === 'BulkMessageService' && { chatId: given.chatId }
    // A rewrite that no client could have asked for counts as none.
    return readInput(type, { ...given, ...verdict.data.input, ...stays }) ?? given
  }

  const contextOf = (sessionId: SessionId, link: Link): DraftContext => ({
    sessionId,
    upload: link.messages.upload,
    async original(chatId, waMessageId) {
      const row = await quotedRow(sessionId, chatOf(link, chatId), waMessageId)
      const { hash, mimetype, filename, bytes } = (await findMedia(db, row.id)) ?? { hash: null }
      const file =
        hash === null
          ? null
          : { hash, bytes: bytes ?? 0, mimetype: mimetype ?? '', filename: filename ?? null }
      return { row, proto: quotedProto(row), file }
    },
  })

  async function compose<K extends SendKind>(sessionId: SessionId, type: K, given: InputOf<K>) {
    const input: SendInput = given
    const link = await deps.link(sessionId)
    const chat = chatOf(link, input.chatId)
    const quoted = input.quotedMessageId && (await quotedRow(sessionId, chat, input.quotedMessageId))
    const draft = await drafts.make(type, given, contextOf(sessionId, link))
    await deps.type(link, toNeutral(input.chatId), draft.body.length)
    const expiration = await deps.timerOf(sessionId, chat.chatId)
    const { mentions } = input
    const message = link.compose({
      chatId: toNeutral(input.chatId),
      content: draft.content,
      mentions,
      quoted: quoted ? quotedProto(quoted) : undefined,
      expiration,
    })
    const from = preferredId(link.identity() ?? { phoneId: null, lidId: null }) ?? ''
    const id = nextRowId()
    const row: NewMessageRow = {
      id,
      sessionId,
      waMessageId: message.waMessageId,
      chatId: chat.chatId,
      senderId: '',
      from,
      to: chat.chatId,
      ...chat.person,
      author: chatKind(chat.chatId) === 'individual' ? null : from,
      body: draft.body,
      type: draft.type,
      direction: 'outgoing',
      timestamp: message.timestamp,
      metadata: toMetadata({
        ...draft.details,
        ...(quoted && { quotedMessage: { id: quoted.waMessageId, body: quoted.body ?? '' } }),
        ...(mentions && { mentionedIds: [...mentions] }),
        ...(expiration > 0 && { ephemeralDuration: expiration }),
      }),
      ...(draft.file && storedMedia(draft.file)),
      status: 'pending',
      protoSealed: sealProto(sealer, sessionId, id, message.proto),
      createdAt: clock.now(),
    }
    const media = draft.file ? [insertMedia(row, draft.file)] : []
    return { row, proto: message.proto, statements: [insertMessage(row), ...media] }
  }

  async function accept<K extends SendKind>(
    sessionId: SessionId,
    type: K,
    input: InputOf<K>,
    by: { options: SendOptions; keep: Parameters<Parameters<IdempotencyKeys['once']>[2]>[0] },
  ): Promise<Accepted> {
    const { row, proto, statements } = await compose(sessionId, type, input)
    const assertWanted = by.options.origin?.assertStillAllowed
    assertWanted?.()
    const outgoing = { ...toOutgoing(row), type, input, proto, ...(assertWanted && { assertWanted }) }
    const accepted: Accepted = {
      messageId: row.id,
      waMessageId: row.waMessageId,
      timestamp: outgoing.timestamp,
    }
    fault?.('outbound.before-commit')
    const stored = queue.commitAhead([...statements, ...by.keep(accepted)], () =>
      fault?.('outbound.after-commit'),
    )
    // Handed over meanwhile: its frame waits at the gate for the row, and shares the commit of its ratchet step.
    const written = outbound.accept(outgoing)
    // Where neither works, it is the row that its caller has to hear of.
    written.catch(() => {})
    await stored
    news.tellPersisted(row)
    await written
    return accepted
  }

  async function send<K extends SendKind>(
    sessionId: SessionId,
    type: K,
    given: InputOf<K>,
    options: SendOptions = {},
  ): Promise<Sent> {
    const { accepted, isReplay } = await keys.once(sessionId, options.idempotency, async keep => {
      // Before plugins are asked: what cannot be sent now is no news to them.
      await deps.link(sessionId)
      const input = await allowed(sessionId, type, await drafts.prepare(type, given), options)
      try {
        return await accept(sessionId, type, input, { options, keep })
      } catch (thrown) {
        const { code } = toGatewayError(thrown)
        // Of what got as far as the line the line has told.
        if (code !== 'transport_failed') news.tellFailed(sessionId, { type, input, error: code })
        throw thrown
      }
    })
    const { waMessageId, timestamp, messageId: id } = accepted
    const result: Sent = { messageId: waMessageId, timestamp, ...(isReplay && { replayed: true as const }) }
    if (options.wait !== 'ack') return result
    const { status, error } = await outbound.outcome({ sessionId, waMessageId, id }, ACK_ANSWER_MS)
    return { ...result, state: status, ...(error !== undefined && { error }) }
  }

  return {
    sendText: (sessionId, input, options) => send(sessionId, 'text', input, options),
    reply: (sessionId, input, options) => send(sessionId, 'reply', input, options),
    send,
  }
}
