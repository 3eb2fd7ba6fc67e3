// Which part of the server takes which stanza of a logged-in device; a row per tag.
import type { BinaryNode } from 'baileys'
import type { Calls } from './calls.ts'
import type { Companion } from './companion.ts'
import type { Connection } from './connection.ts'
import { node } from './nodes.ts'
import type { PhoneErrands } from './phone-errands.ts'
import type { Post } from './post.ts'
import type { Presences } from './presences.ts'
import type { Relay } from './relay.ts'

interface Deps {
  readonly iq: (connection: Connection, stanza: BinaryNode) => Promise<void>
  readonly relay: Relay
  readonly errands: PhoneErrands
  readonly presences: Presences
  readonly calls: Calls
  readonly post: Post
  surprise(what: string): void
}

type Handler = (connection: Connection, companion: Companion, stanza: BinaryNode) => void | Promise<void>

/** Makes the function every stanza goes through. */
export function createStanzas({ iq, relay, errands, presences, calls, post, surprise }: Deps) {
  const ignore: Handler = () => {}

  const acknowledge = (connection: Connection, { tag, attrs: { id, to, type, participant } }: BinaryNode) =>
    connection.send(node('ack', { class: tag, id, from: to, type, participant }))

  const handlers: Readonly<Record<string, Handler>> = {
    message: relay.onMessage,
    receipt(connection, companion, stanza) {
      acknowledge(connection, stanza)
      if (stanza.attrs.type === 'server-error') return errands.uploadAgain(companion, stanza)
      companion.queue.settle(stanza)
      if (stanza.attrs.type === 'retry') return post.sendAgain(companion, stanza)
    },
    ack: (_connection, companion, stanza) => companion.queue.settle(stanza),
    call(connection, companion, stanza) {
      acknowledge(connection, stanza)
      calls.onCall(companion, stanza)
    },
    presence(_connection, companion, stanza) {
      const { account, id } = companion
      if (stanza.attrs.name) account.milestones.add({ device: id, reached: 'synced' })
      presences.onPresence(companion, stanza)
    },
    chatstate: (_connection, companion, stanza) => presences.onChatState(companion, stanza),
    ib: ignore,
  }

  return async (connection: Connection, stanza: BinaryNode): Promise<void> => {
    if (stanza.tag === 'iq') return iq(connection, stanza)
    const handler = handlers[stanza.tag]
    if (!handler) return surprise(`unknown stanza <${stanza.tag}>`)
    // A device that is being paired says little else than queries, and nothing of it matters.
    if (connection.companion) await handler(connection, connection.companion, stanza)
  }
}
