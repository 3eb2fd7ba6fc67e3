// What one person's phone has decrypted, to be read by a test; and how text and quotes lie in a message. A message that
// a client sent twice is there twice: a real phone would hide that by id, a test wants to see it.
import type { proto } from 'baileys'
import { unwrap } from './message-kind.ts'
import { createRecorder, type Recorder } from './recorder.ts'
import type { Encryption } from './sim-device.ts'

export interface Quoted {
  readonly id: string
  readonly text: string
}

export interface Received {
  readonly id: string
  /** The text, or the caption, or empty. */
  readonly text: string
  readonly quoted?: Quoted
  /** The phone number of who sent it, and the device: 0 is a phone, the others are linked. */
  readonly from: string
  readonly device: number
  /** The chat it was sent to, as its sender addressed it. */
  readonly to: string
  /** The group, if it was sent to one. */
  readonly group?: string
  /** Which of the person's devices read it; with several, each reads for itself. */
  readonly on: number
  /** `pkmsg` when it opened a new Signal session. Absent when it was not encrypted to this phone. */
  readonly encryption?: Encryption
  readonly message: proto.IMessage
}

export type Inbox = Recorder<Received>

/** Makes an empty inbox. */
export function createInbox(what: string): Inbox {
  return createRecorder({ what, describe: ({ from, text }) => `"${text}" from ${from}` })
}

/** The words of a message, wherever they are. */
export function readText(message: proto.IMessage | null | undefined): string {
  if (!message) return ''
  const inner = unwrap(message)
  const { imageMessage, videoMessage, documentMessage, extendedTextMessage } = inner
  const caption = imageMessage?.caption ?? videoMessage?.caption ?? documentMessage?.caption
  return inner.conversation ?? extendedTextMessage?.text ?? caption ?? ''
}

/** What a message answers to, if it quotes. */
export function readQuoted(message: proto.IMessage): Quoted | undefined {
  const context = message.extendedTextMessage?.contextInfo
  return context?.stanzaId ? { id: context.stanzaId, text: readText(context.quotedMessage) } : undefined
}

/** What the rest of an inbox entry follows from. */
export interface Arrival {
  readonly id: string
  readonly from: string
  readonly device: number
  readonly to: string
  readonly group?: string | undefined
  readonly on?: number
  readonly encryption?: Encryption
  readonly message: proto.IMessage
}

/** Reads a message that arrived. */
export function toReceived({ group, on = 0, ...arrival }: Arrival): Received {
  const { message } = arrival
  const quoted = readQuoted(message)
  return {
    text: readText(message),
    ...(quoted && { quoted }),
    ...(group !== undefined && { group }),
    on,
    ...arrival,
  }
}
