// What the server does wrong, or to the client, when a test asks for it: ends of connections, refusals, nacks.
import type { Account } from './account.ts'
import type { Connection } from './connection.ts'
import { node } from './nodes.ts'

const streamError = (code?: number, conflict?: string) =>
  node('stream:error', { code }, conflict === undefined ? undefined : [node('conflict', { type: conflict })])

/** The ways a connection ends, and in the comment what Baileys makes of each. */
const endings = {
  /** 428: a reset, without a close frame. */
  abrupt: (connection: Connection) => connection.drop(),
  /** 428: an orderly close. */
  close: (connection: Connection) => connection.end(),
  /** 428: the stream said goodbye. */
  xmlstreamend: (connection: Connection) => connection.end(node('xmlstreamend')),
  /** 401: the owner removed the device on the phone. The next login is refused too. */
  removed: (connection: Connection) => connection.end(streamError(401, 'device_removed')),
  /** 440: the same device connected from elsewhere. */
  replaced: (connection: Connection) => connection.end(streamError(undefined, 'replaced')),
  /** 503: come again later. */
  '503': (connection: Connection) => connection.end(streamError(503)),
  /** 515: restart the connection, nothing is wrong. */
  '515': (connection: Connection) => connection.end(streamError(515)),
  /** Nothing is noticed until the client's keep-alive goes unanswered. */
  silent: (connection: Connection) => connection.mute(),
} as const

export type Ending = keyof typeof endings
export const endingNames = Object.keys(endings) as Ending[]

/** Ends the connections of all linked devices of an account. */
export function disconnect(account: Account, kind: Ending): void {
  const connections = [...account.companions.values()].map(({ connection }) => connection)
  if (kind === 'removed') account.companions.clear()
  for (const connection of connections) if (connection) endings[kind](connection)
}

/** What becomes of a message that a client sends. */
export type Fate =
  | { readonly kind: 'accept' }
  /** Acknowledged with an error and not delivered. */
  | { readonly kind: 'nack'; readonly code: number }
  /** Delivered, but the client is never told. */
  | { readonly kind: 'lose-ack' }

export interface Faults {
  /** New connections are reset before they open. */
  refusing: boolean
  /** The reason that logins fail with, while there is one. */
  loginFailure: number | undefined
  /** The fates of the next messages, first one first. */
  readonly fates: Fate[]
}

/** A server that does everything right. */
export function createFaults(): Faults {
  return { refusing: false, loginFailure: undefined, fates: [] }
}
