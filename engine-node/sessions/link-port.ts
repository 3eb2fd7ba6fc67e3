// What a connection to WhatsApp is to the rest of the engine: what it tells, and what may be asked of it.
import type { Agent } from 'node:https'
import type { NumberCheck } from '../../src/contract/directory.ts'
import type { AccountRestriction } from '../../src/contract/session.ts'
import type { Db } from '../../src/db/db.ts'
import type { Clock } from '../clock.ts'
import type { Fault } from '../fault.ts'
import type { History } from '../history/history.ts'
import type { Logger } from '../log.ts'
import type { ProxyRoute } from '../net/proxy-route.ts'
import type { Sealer } from '../store/sealer.ts'
import type { WriteQueue } from '../store/write-queue.ts'
import type { AccountVerbs } from './account-link.ts'
import type { AccountPort } from './account-port.ts'
import type { ClosingNotice } from './disconnect.ts'
import type { ReceivedMessage, UndecryptedMessage } from './incoming.ts'
import type { ReceivedChange } from './incoming-change.ts'
import type { Health } from './liveness.ts'
import type { MessageLinkVerbs } from './message-link.ts'
import type { ComposedMessage, OutgoingMessage } from './outgoing.ts'
import type { AddressBook, PersonIds } from './people.ts'
import type { StatusUpdate } from './receipts.ts'

export interface Identity extends PersonIds {
  pushName: string | null
}

/** What a link tells, in the turn in which Baileys knew it. Nothing comes after `closed`. */
export interface LinkEvents {
  /** A code to scan, each some seconds after the other. */
  qr(text: string): void
  /** The phone has accepted this device. WhatsApp restarts the connection next. */
  paired(identity: Identity): void
  ready(identity: Identity): void
  /** Messages, before their receipts leave: what is queued for the database here is durable before WhatsApp hears of it. */
  received(messages: ReceivedMessage[]): void
  /** Messages that could not be decrypted; their content may come later, as a message of the same id. */
  missed(messages: UndecryptedMessage[]): void
  /** What messages do to others: reactions, edits and the like. */
  changed(changes: ReceivedChange[]): void
  status(updates: StatusUpdate[]): void
  /** WhatsApp restricts what the account may do; null when it does not any more. */
  restricted(restriction: AccountRestriction | null): void
  closed(code: number | undefined, notice: ClosingNotice): void
}

export interface Link {
  /** Null until the phone has accepted this device. */
  identity(): Identity | null
  readonly book: AddressBook
  /** Gives a message its id and bytes. Nothing leaves. */
  compose(input: OutgoingMessage): ComposedMessage
  /**
   * Sends it, after asking anew which devices its reader has where `refreshDevices` says so. Rejects with
   * `transport_failed` when that is impossible while the connection holds; `certain` then says that nothing left. Rejects
   * with `session_not_ready` when there was no answer or no connection: another try with the same id is due.
   */
  transmit(message: ComposedMessage, options?: { refreshDevices?: boolean }): Promise<void>
  /** People, chats, groups, calls and presence. */
  readonly account: AccountVerbs
  /** Files of messages, and marks on them. */
  readonly messages: MessageLinkVerbs
  /** `digits` is a phone number with its country code. Rejects with `whatsapp_unanswered` without an answer. */
  checkNumber(digits: string): Promise<NumberCheck>
  /** When WhatsApp last gave a sign of life, and how long Baileys has been holding events back. */
  health(): Health
  /** A code to type into the phone with this number, in place of the QR code. Only while there is no account. */
  pairingCode(phoneNumber: string): Promise<string>
  /** Has WhatsApp remove this device. Rejects with `session_logout_incomplete` unless that is confirmed. */
  logout(): Promise<void>
  /** Lets out what is durable, then closes in order. */
  end(): Promise<void>
  /** Closes at once; what waits is dropped. */
  kill(): void
}

export interface LinkDeps {
  db: Db
  queue: WriteQueue
  sealer: Sealer
  clock: Clock
  log: Logger
  url: string
  account: AccountPort
  history: Pick<History, 'announce' | 'take' | 'pending' | 'lost'>
  /** How a session with a proxy reaches WhatsApp; null for one without. */
  proxyOf?: ((sessionId: string) => Promise<ProxyRoute | null>) | undefined
  /** For uploads, where the media host is not one that everybody trusts: a test's. */
  uploadAgent?: Agent | undefined
  fault?: Fault | undefined
}
