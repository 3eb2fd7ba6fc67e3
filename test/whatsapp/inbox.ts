// What one person's phone has decrypted, to be read by a test; and how text and quotes lie in a message. A message that
// a client sent twice is there twice: a real phone would hide that by id, a test wants to see it.
import type { proto } from 'baileys'
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
  const caption =
    message?.imageMessage?.caption ?? message?.videoMessage?.caption ?? message?.documentMessage?.caption
  return message?.conversation ?? message?.extendedTextMessage?.text ?? caption ?? ''
}

/** What a message answers to, if it quotes. */
export function readQuoted(message: proto.IMessage): Quoted | undefined {
  const context = message.extendedTextMessage?.contextInfo
  return context?.stanzaId ? { id: context.stanzaId, text: readText(context.quotedMessage) } : undefined
}

/** A text as a phone would send it: plain, or with what it quotes. */
export function composeText(text: string, quote?: Quoted & { participant: string }): proto.IMessage {
  if (!quote) return { conversation: text }
  const quotedMessage = { conversation: quote.text }
  const contextInfo = { stanzaId: quote.id, participant: quote.participant, quotedMessage }
  return { extendedTextMessage: { text, contextInfo } }
}
