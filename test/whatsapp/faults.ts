// What the server does wrong, or to the client, when a test asks for it: ends of connections, refusals, nacks.
import type { Account } from './account.ts'
import type { Connection } from './connection.ts'
import { node, SERVER } from './nodes.ts'

const streamError = (code?: number, conflict?: string) =>
  node('stream:error', { code }, conflict === undefined ? undefined : [node('conflict', { type: conflict })])

/** Ends with an error of this code, which is what Baileys gives as the reason. */
const withCode = (code: number) => (connection: Connection) => connection.end(streamError(code))

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
  /** 411: the account has left multi-device. */
  downgrade: (connection: Connection) =>
    connection.end(node('ib', { from: SERVER }, [node('downgrade_webclient')])),
  /** 500: an error that does not say what is wrong. */
  unknown: (connection: Connection) => connection.end(node('stream:error', {}, [node('something-new')])),
  /** Logged out, without a word about the device; it stays linked. */
  '401': withCode(401),
  /** Banned for a time. */
  '402': withCode(402),
  /** The account is locked, or its phone is gone. */
  '403': withCode(403),
  /** The client is too old. */
  '405': withCode(405),
  /** Banned. */
  '406': withCode(406),
  /** The kind of client is refused. */
  '409': withCode(409),
  /** What is stored does not fit, or the server has a fault. */
  '500': withCode(500),
  /** Not possible for now. */
  '501': withCode(501),
  /** Come again later. */
  '503': withCode(503),
  /** Restart the connection, nothing is wrong. */
  '515': withCode(515),
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

export interface LoginFailure {
  readonly reason: number
  /** Of a ban for a time: why, and how many seconds are left. */
  readonly code?: number
  readonly expire?: number
}

export interface Faults {
  /** New connections are reset before they open. */
  refusing: boolean
  /** New connections open, and then nothing more comes. */
  stalling: boolean
  /** What logins fail with, while there is something. */
  loginFailure: LoginFailure | undefined
  /** The fates of the next messages, first one first. */
  readonly fates: Fate[]
}

/** A server that does everything right. */
export function createFaults(): Faults {
  return { refusing: false, stalling: false, loginFailure: undefined, fates: [] }
}
