// Every id that crossed the wire, in order: which stanza, which way, for which device. Bounded; keeps no contents.
import type { BinaryNode } from 'baileys'
import { createRecorder, type Recorder } from './recorder.ts'

/** `in` is from the client into WhatsApp, `out` is from WhatsApp to the client. */
export type Direction = 'in' | 'out'

/** `peer` messages are the phone's own business with its linked devices: keys, history. */
export type WireKind = 'message' | 'peer' | 'ack' | 'nack' | 'receipt' | 'retry'

export interface WireEntry {
  readonly at: number
  readonly direction: Direction
  readonly kind: WireKind
  readonly id: string
  /** The account of the linked device, by phone number, and the number of the device. */
  readonly account: string
  readonly device: number
  /** The address on the other side, as the stanza gave it. */
  readonly peer: string
  /** The type of a receipt (`delivery` when it has none), the class of an ack, the error of a nack. */
  readonly detail: string
  /** It was sent again after a login. */
  readonly offline: boolean
}

export type WireFilter = Partial<Omit<WireEntry, 'at'>>

export interface WireLog {
  record(direction: Direction, stanza: BinaryNode, account: string, device: number): void
  entries(filter?: WireFilter): WireEntry[]
  /** The ids of the matching entries in order, each as often as it crossed. */
  ids(filter?: WireFilter): string[]
  /** Waits for the first match; one already in the log counts. */
  until(filter: WireFilter, timeoutMs?: number): Promise<WireEntry>
}

const readers: Record<string, (attrs: BinaryNode['attrs']) => { kind: WireKind; detail: string }> = {
  message: attrs => ({ kind: attrs.category === 'peer' ? 'peer' : 'message', detail: attrs.type ?? '' }),
  receipt: attrs => ({
    kind: attrs.type === 'retry' ? 'retry' : 'receipt',
    detail: attrs.type ?? 'delivery',
  }),
  ack: attrs =>
    attrs.error === undefined
      ? { kind: 'ack', detail: attrs.class ?? '' }
      : { kind: 'nack', detail: attrs.error },
}

function isMatch(filter: WireFilter): (entry: WireEntry) => boolean {
  const wanted = Object.entries(filter)
  return entry => wanted.every(([name, value]) => entry[name as keyof WireFilter] === value)
}

/** Starts an empty log. */
export function createWireLog({ limit = 20_000 } = {}): WireLog {
  const recorder: Recorder<WireEntry> = createRecorder({
    what: 'wire log',
    describe: ({ direction, kind, id, detail }) => `${direction} ${kind} ${id} ${detail}`,
    limit,
  })
  const entries = (filter: WireFilter = {}) => recorder.all.filter(isMatch(filter))
  return {
    record(direction, { tag, attrs }, account, device) {
      const read = readers[tag]
      if (!read || attrs.id === undefined) return
      const { kind, detail } = read(attrs)
      const peer = (direction === 'in' ? attrs.to : attrs.from) ?? ''
      const offline = attrs.offline !== undefined
      recorder.add({
        at: Date.now(),
        direction,
        kind,
        id: attrs.id,
        account,
        device,
        peer,
        detail,
        offline,
      })
    },
    entries,
    ids: filter => entries(filter).map(({ id }) => id),
    until: (filter, timeoutMs) => recorder.find(isMatch(filter), timeoutMs),
  }
}
