// Calls of one account: told once per call and outcome, and rejected where somebody asks for it. Talking is not possible here.
import type { WACallEvent } from 'baileys'
import { GatewayError } from '../../src/contract/errors.ts'
import type { EventData } from '../../src/contract/events.ts'
import { toNeutral } from './jid.ts'
import { type AddressBook, bothIds, preferredId } from './people.ts'
import { sentAt } from './told-numbers.ts'

type Outcome = 'accepted' | 'rejected' | 'missed'

export type CallNews =
  | { event: 'call.received'; data: EventData<'call.received'> }
  | { event: `call.${Outcome}`; data: EventData<'call.missed'> }

export interface Calls {
  /** What an event of Baileys is news of. */
  hear(calls: readonly WACallEvent[]): CallNews[]
  /** Rejects with `not_found` for a call that is not ringing. */
  reject(callId: string): Promise<void>
}

/** What WhatsApp says of a call's end. One that its caller ends before anybody takes it was missed. */
const outcomes: Partial<Record<WACallEvent['status'], Outcome>> = {
  accept: 'accepted',
  reject: 'rejected',
  timeout: 'missed',
  terminate: 'missed',
}

/** Calls that are remembered: more than ring at one time, so that a late word on an old one finds it. */
const MAX_KNOWN = 1_000

const secondOf = (date: Date) => sentAt(Math.floor(date.getTime() / 1_000))

interface Known {
  /** As Baileys writes the caller. */
  from: string
  data: EventData<'call.received'>
  isOver: boolean
}

export function createCalls(deps: {
  sessionId: string
  book: AddressBook
  /** Asked for every call that rings. */
  autoReject: () => boolean
  rejectCall: (callId: string, from: string) => Promise<void>
  onError: (error: unknown) => void
}): Calls {
  const { sessionId, book, autoReject, rejectCall, onError } = deps
  const known = new Map<string, Known>()

  function offer(call: WACallEvent): CallNews[] {
    if (known.has(call.id)) return []
    const { id: callId, from, callerPn, isVideo = false, isGroup = false, date } = call
    const data = {
      callId,
      from: preferredId(bothIds(book, from, callerPn)) ?? toNeutral(from),
      isVideo,
      isGroup,
      timestamp: secondOf(date),
    }
    known.set(callId, { from, data, isOver: false })
    for (const oldest of known.keys()) {
      if (known.size <= MAX_KNOWN) break
      known.delete(oldest)
    }
    // A call from before this device was there has stopped ringing.
    if (!call.offline && autoReject()) rejectCall(callId, from).catch(onError)
    return [{ event: 'call.received', data }]
  }

  function over(call: WACallEvent, outcome: Outcome): CallNews[] {
    // Its offer may have come before this connection: then what is known is what this event says.
    const offered = known.get(call.id) ? [] : offer({ ...call, offline: true })
    const found = known.get(call.id)
    if (!found || found.isOver) return offered
    found.isOver = true
    const data = {
      ...found.data,
      sessionId,
      outcome,
      timestamp: secondOf(call.date),
    }
    return [...offered, { event: `call.${outcome}`, data }]
  }

  return {
    hear: calls =>
      calls.flatMap(call => {
        if (call.status === 'offer') return offer(call)
        const outcome = outcomes[call.status]
        return outcome === undefined ? [] : over(call, outcome)
      }),
    async reject(callId) {
      const call = known.get(callId)
      if (call === undefined || call.isOver)
        throw new GatewayError('not_found', `Call ${callId} not found, or it is over`)
      await rejectCall(callId, call.from)
    },
  }
}
