// What to do when WhatsApp ends a connection: one row per code, and a function that reads the table.
import type { AccountRestriction, SessionStatus, Trouble } from '../../src/contract/session.ts'

/** What a lost connection leaves behind. `message` is for the operator and becomes the session's `lastError`. */
export interface Ending {
  status: SessionStatus
  message: string
  trouble: Trouble
  /** WhatsApp restricts the account, as far as the closing says. */
  restriction?: AccountRestriction
}

export type Verdict =
  /** Again at once with the same credentials; nothing is wrong. */
  | { action: 'reconnect' }
  /** Again later; at least `floorMs` from now. */
  | ({ action: 'back-off'; floorMs: number } & Ending)
  /** Not again by itself. `revoked` credentials are of no use any more: the next start by a person links anew. */
  | ({ action: 'stop'; revoked: boolean } & Ending)

/** What WhatsApp adds to some closings: why the account is banned, and for how many seconds. */
export interface ClosingNotice {
  ban?: string
  seconds?: number
}

export interface Closing {
  code: number | undefined
  /** Tells the two meanings of 408 apart: a lost connection, and QR codes that nobody scanned. */
  isPaired: boolean
  /** The closings with this code since the last stable connection, this one included. */
  repeats: number
  now: number
  notice?: ClosingNotice | undefined
}

type Reason = Trouble['reason']
type Next = Trouble['nextAction']

type Policy =
  | { action: 'reconnect' }
  | {
      action: 'back-off'
      reason: Reason
      why: string
      /** What the operator can do; else the gateway helps itself. */
      next?: Next
      floorMs?: number
      limit?: { tries: number; otherwise: SessionStatus; next: Next }
    }
  | {
      action: 'stop'
      reason: Reason
      status: SessionStatus
      why: string
      next: Next
      revoked?: true
      /** The account may do nothing until WhatsApp says otherwise. */
      restricts?: true
    }

/** Codes of Baileys' DisconnectReason and of WhatsApp's `failure` stanza. */
const policies: Readonly<Record<number, Policy>> = {
  401: {
    action: 'stop',
    reason: 'unlinked',
    status: 'disconnected',
    why: 'The phone unlinked this session. Start it to link it again',
    next: 'start',
    revoked: true,
  },
  402: {
    action: 'stop',
    reason: 'banned_for_a_time',
    status: 'action_required',
    why: 'WhatsApp has banned the account for a time. Look at the phone',
    next: 'open_phone',
    restricts: true,
  },
  403: {
    action: 'stop',
    reason: 'locked',
    status: 'action_required',
    why: 'WhatsApp has locked the account, or its phone is gone. Open WhatsApp on the phone, then start the session',
    next: 'open_phone',
    restricts: true,
  },
  405: {
    action: 'back-off',
    reason: 'version_refused',
    why: 'WhatsApp refuses this version of the client. Update Wharf',
    next: 'update',
    // A quick loop on 405 looks like an attack; the version does not change by itself.
    floorMs: 5 * 60_000,
  },
  406: {
    action: 'stop',
    reason: 'banned',
    status: 'failed',
    why: 'WhatsApp has banned the account',
    next: 'open_phone',
    restricts: true,
  },
  408: { action: 'back-off', reason: 'connection_lost', why: 'The connection to WhatsApp was lost' },
  409: {
    action: 'stop',
    reason: 'client_refused',
    status: 'failed',
    why: 'WhatsApp refuses this kind of client',
    next: 'update',
  },
  411: {
    action: 'stop',
    reason: 'linked_devices_off',
    status: 'action_required',
    why: 'The phone does not allow linked devices. Update WhatsApp on the phone, then start the session',
    next: 'open_phone',
  },
  428: { action: 'back-off', reason: 'connection_closed', why: 'WhatsApp closed the connection' },
  440: {
    action: 'back-off',
    reason: 'taken_over',
    why: 'Another program took over this session',
    // Whoever took over would be thrown out in turn; the wait lets a gateway that is being replaced go away.
    floorMs: 30_000,
    limit: { tries: 3, otherwise: 'action_required', next: 'end_other' },
  },
  500: { action: 'back-off', reason: 'session_error', why: 'WhatsApp reported an error in the session' },
  501: {
    action: 'back-off',
    reason: 'whatsapp_unavailable',
    why: 'WhatsApp is unavailable',
    floorMs: 5_000,
  },
  503: {
    action: 'back-off',
    reason: 'whatsapp_unavailable',
    why: 'WhatsApp is unavailable',
    floorMs: 5_000,
  },
  515: { action: 'reconnect' },
}

const otherwise: Policy = {
  action: 'back-off',
  reason: 'connection_failed',
  why: 'The connection to WhatsApp failed',
}

/** What WhatsApp means by the codes of a ban for a time. */
const bans: Readonly<Record<string, string>> = {
  101: 'too many messages to people who do not know the number',
  102: 'too many people have blocked it',
  103: 'too many groups with people who do not know the number',
  104: 'the same message too often',
  106: 'too many messages to broadcast lists',
}

/** Longest wait: a timer takes no more than 24 days. A ban that is longer is met again, and waited for again. */
const LONGEST_WAIT_MS = 20 * 24 * 60 * 60_000

const QR_ENDED = 'Nobody scanned the QR code in time. Start the session to get new ones'

/** What follows from a connection that has ended. */
export function onDisconnect(closing: Closing): Verdict {
  const { code, isPaired, repeats } = closing
  const trouble = (reason: Reason, nextAction: Next, isFinal: boolean): Trouble => ({
    reason,
    code: code ?? null,
    nextAction,
    isFinal,
  })
  const backOff = (policy: { reason: Reason; why: string; next?: Next; floorMs?: number }): Verdict => ({
    action: 'back-off',
    floorMs: policy.floorMs ?? 0,
    status: 'disconnected',
    message: described(policy.why, code),
    trouble: trouble(policy.reason, policy.next ?? 'wait', false),
  })
  if (code === 408 && !isPaired)
    return {
      action: 'stop',
      status: 'disconnected',
      message: QR_ENDED,
      revoked: false,
      trouble: trouble('qr_expired', 'start', true),
    }
  const policy = (code === undefined ? undefined : policies[code]) ?? otherwise
  switch (policy.action) {
    case 'reconnect':
      // Twice in a row is no longer the one restart that pairing asks for.
      return repeats > 1
        ? backOff({ reason: 'restart_loop', why: 'WhatsApp keeps asking for a restart' })
        : { action: 'reconnect' }
    case 'stop': {
      const stop: Verdict = {
        action: 'stop',
        status: policy.status,
        message: described(policy.why, code),
        revoked: policy.revoked === true,
        trouble: trouble(policy.reason, policy.next, true),
      }
      return policy.restricts ? restricted(stop, closing) : stop
    }
    case 'back-off':
      if (policy.limit && repeats > policy.limit.tries)
        return {
          action: 'stop',
          status: policy.limit.otherwise,
          message: described(`${policy.why}, again and again`, code),
          revoked: false,
          trouble: trouble(policy.reason, policy.limit.next, true),
        }
      return backOff(policy)
  }
}

/** A ban that says when it ends is waited for; any other needs a person. */
function restricted(stop: Extract<Verdict, { action: 'stop' }>, { code, now, notice }: Closing): Verdict {
  const { ban, seconds } = notice ?? {}
  const expiresAt = seconds === undefined ? null : new Date(now + seconds * 1_000).toISOString()
  const restriction: AccountRestriction = { kind: 'tos_block', code: ban ?? String(code), expiresAt }
  const because = ban !== undefined && bans[ban] ? `${stop.message}: ${bans[ban]}` : stop.message
  if (seconds === undefined || code !== 402) return { ...stop, message: because, restriction }
  const { revoked: _, ...ending } = stop
  return {
    ...ending,
    action: 'back-off',
    floorMs: Math.min(seconds * 1_000, LONGEST_WAIT_MS),
    message: `${because}. It ends ${expiresAt}`,
    trouble: { ...stop.trouble, nextAction: 'wait', isFinal: false },
    restriction,
  }
}

const described = (why: string, code: number | undefined) => (code === undefined ? why : `${why} (${code})`)
