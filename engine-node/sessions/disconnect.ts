// What to do when WhatsApp ends a connection: one row per code, and a function that reads the table.
import type { SessionStatus } from '../../src/contract/session.ts'

/** The outcome of a lost connection. `message` is for the operator and becomes the session's `lastError`. */
export type Verdict =
  /** Again at once with the same credentials; nothing is wrong. */
  | { action: 'reconnect' }
  /** Again later; at least `floorMs` from now. */
  | { action: 'back-off'; floorMs: number; message: string }
  /** Not again by itself. `revoked` credentials are of no use any more: the next start by a person links anew. */
  | { action: 'stop'; status: SessionStatus; message: string; revoked: boolean }

type Policy =
  | { action: 'reconnect' }
  | { action: 'back-off'; why: string; floorMs?: number; limit?: { tries: number; otherwise: SessionStatus } }
  | { action: 'stop'; status: SessionStatus; why: string; revoked?: true }

/** Codes of Baileys' DisconnectReason and of WhatsApp's `failure` stanza. */
const policies: Readonly<Record<number, Policy>> = {
  401: {
    action: 'stop',
    status: 'disconnected',
    why: 'The phone unlinked this session. Start it to link it again',
    revoked: true,
  },
  402: {
    action: 'stop',
    status: 'action_required',
    why: 'WhatsApp has banned the account for a time. Look at the phone',
  },
  403: {
    action: 'stop',
    status: 'action_required',
    why: 'WhatsApp has locked the account, or its phone is gone. Open WhatsApp on the phone, then start the session',
  },
  405: {
    action: 'back-off',
    why: 'WhatsApp refuses this version of the client. Update Wharf',
    // A quick loop on 405 looks like an attack; the version does not change by itself.
    floorMs: 5 * 60_000,
  },
  406: { action: 'stop', status: 'failed', why: 'WhatsApp has banned the account' },
  408: { action: 'back-off', why: 'The connection to WhatsApp was lost' },
  409: { action: 'stop', status: 'failed', why: 'WhatsApp refuses this kind of client' },
  411: {
    action: 'stop',
    status: 'action_required',
    why: 'The phone does not allow linked devices. Update WhatsApp on the phone, then start the session',
  },
  428: { action: 'back-off', why: 'WhatsApp closed the connection' },
  440: {
    action: 'back-off',
    why: 'Another program took over this session',
    // Whoever took over would be thrown out in turn; the wait lets a gateway that is being replaced go away.
    floorMs: 30_000,
    limit: { tries: 3, otherwise: 'action_required' },
  },
  500: { action: 'back-off', why: 'WhatsApp reported an error in the session' },
  501: { action: 'back-off', why: 'WhatsApp is unavailable', floorMs: 5_000 },
  503: { action: 'back-off', why: 'WhatsApp is unavailable', floorMs: 5_000 },
  515: { action: 'reconnect' },
}

const otherwise: Policy = { action: 'back-off', why: 'The connection to WhatsApp failed' }

const QR_ENDED = 'Nobody scanned the QR code in time. Start the session to get new ones'

/**
 * `isPaired` tells the two meanings of 408 apart: a lost connection, and QR codes that nobody scanned. `repeats` counts
 * the closings with this code since the last stable connection, this one included.
 */
export function onDisconnect(close: {
  code: number | undefined
  isPaired: boolean
  repeats: number
}): Verdict {
  const { code, isPaired, repeats } = close
  if (code === 408 && !isPaired)
    return { action: 'stop', status: 'disconnected', message: QR_ENDED, revoked: false }
  const policy = (code === undefined ? undefined : policies[code]) ?? otherwise
  switch (policy.action) {
    case 'reconnect':
      // Twice in a row is no longer the one restart that pairing asks for.
      return repeats > 1
        ? { action: 'back-off', floorMs: 0, message: described('WhatsApp keeps asking for a restart', code) }
        : { action: 'reconnect' }
    case 'stop':
      return {
        action: 'stop',
        status: policy.status,
        message: described(policy.why, code),
        revoked: policy.revoked === true,
      }
    case 'back-off':
      if (policy.limit && repeats > policy.limit.tries)
        return {
          action: 'stop',
          status: policy.limit.otherwise,
          message: described(`${policy.why}, again and again`, code),
          revoked: false,
        }
      return { action: 'back-off', floorMs: policy.floorMs ?? 0, message: described(policy.why, code) }
  }
}

const described = (why: string, code: number | undefined) => (code === undefined ? why : `${why} (${code})`)
