// How a session's row tells what state it is in: since when, why, and what helps. Pure.
import type { GatewayError } from '../../src/contract/errors.ts'
import type { Trouble } from '../../src/contract/session.ts'
import type { SessionPatch, SessionRow } from '../../src/db/sessions.ts'
import type { Ending } from './disconnect.ts'

export type StatePatch = Partial<Omit<SessionRow, 'id' | 'createdAt' | 'updatedAt'>>

/** A change with its time; a new status, or a new wish of the operator, leaves no trouble from before. */
export function stamped(before: SessionRow, patch: StatePatch, now: number): StatePatch & SessionPatch {
  const isMoved = patch.status !== undefined && patch.status !== before.status
  return {
    ...(isMoved && { statusSince: now }),
    ...((isMoved || patch.desired !== undefined) && { trouble: null }),
    ...patch,
    updatedAt: now,
  }
}

/** What the row says of an ended connection; `retryAt` in epoch milliseconds where another one is to come. */
export const told = ({ status, message, trouble, restriction }: Ending, retryAt?: number): StatePatch => ({
  status,
  lastError: message,
  trouble: { ...trouble, ...(retryAt !== undefined && { retryAt }) },
  ...(restriction && { restriction }),
})

/** The operator's limit of tries is reached. */
export const gaveUp = ({ message, trouble, ...ending }: Ending): Ending => ({
  ...ending,
  status: 'failed',
  message: `${message}. Gave up after the configured tries`,
  trouble: { ...trouble, isFinal: true, nextAction: 'start' },
})

const ours = (message: string, status: Ending['status'], trouble: Omit<Trouble, 'code'>): Ending => ({
  status,
  message,
  trouble: { ...trouble, code: null },
})

/** A connection that could not be made, or kept, on our side. */
export const failure = ({ code, message }: GatewayError): Ending =>
  code === 'credentials_unreadable'
    ? ours(message, 'failed', { reason: 'credentials_unreadable', nextAction: 'restore_key', isFinal: true })
    : ours(message, 'disconnected', { reason: 'gateway_fault', nextAction: 'wait', isFinal: false })

/** It was lost in the middle of something. */
export const lost = (message: string): Ending =>
  ours(message, 'disconnected', { reason: 'connection_lost', nextAction: 'wait', isFinal: false })

/** A connection that is ready has shown that the account is banned no more; other restrictions are told of by themselves. */
export const unbanned = ({ restriction }: SessionRow): StatePatch =>
  restriction?.kind === 'tos_block' ? { restriction: null } : {}
