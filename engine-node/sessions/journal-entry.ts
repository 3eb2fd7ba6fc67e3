// One entry of the decrypt journal as bytes: the plaintext, and the attributes of the stanza it came in, so that it can become
// a message without the stanza. Pure.
import {
  type BinaryNode,
  cleanMessage,
  decodeMessageNode,
  proto,
  unpadRandomMax16,
  type WAMessage,
} from 'baileys'
import * as v from 'valibot'

export interface JournalEntry {
  /** Null where the stanza was not seen. */
  attrs: BinaryNode['attrs'] | null
  plaintext: Uint8Array
}

const Attrs = v.nullable(v.record(v.string(), v.string()))

/** Bytes of the length that stands in front of the attributes. */
const LENGTH_BYTES = 4

export function packEntry({ attrs, plaintext }: JournalEntry): Uint8Array {
  const text = JSON.stringify(attrs)
  const length = Buffer.byteLength(text)
  const entry = Buffer.allocUnsafe(LENGTH_BYTES + length + plaintext.length)
  entry.writeUInt32BE(length)
  entry.write(text, LENGTH_BYTES)
  entry.set(plaintext, LENGTH_BYTES + length)
  return entry
}

export function unpackEntry(bytes: Uint8Array): JournalEntry {
  const buffer = Buffer.from(bytes)
  const end = LENGTH_BYTES + buffer.readUInt32BE()
  const attrs = v.parse(Attrs, JSON.parse(buffer.subarray(LENGTH_BYTES, end).toString()))
  return { attrs, plaintext: buffer.subarray(end) }
}

/** The message as Baileys would have given it. Null for what is none, or whose stanza was not seen. */
export function toWAMessage(
  { attrs, plaintext }: JournalEntry,
  me: { id: string; lid: string },
): WAMessage | null {
  if (attrs === null || attrs.category === 'peer') return null
  try {
    const { fullMessage } = decodeMessageNode({ tag: 'message', attrs }, me.id, me.lid)
    const content = proto.Message.decode(unpadRandomMax16(plaintext))
    const message: WAMessage = { ...fullMessage, message: content.deviceSentMessage?.message ?? content }
    cleanMessage(message, me.id, me.lid)
    return message
  } catch {
    // Anybody can send bytes that are no message. Baileys has judged them when they came; here they must not stop the rest.
    return null
  }
}
