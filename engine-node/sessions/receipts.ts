// What WhatsApp says of messages that this account sent: acks, nacks and receipts as one kind of update. Pure.
import { type BinaryNode, type MessageUserReceiptUpdate, proto, type WAMessageUpdate } from 'baileys'
import type { MessageStatus } from '../../src/contract/message.ts'

export interface StatusUpdate {
  waMessageId: string
  /** The chat as Baileys spells it, or as the port outside does. */
  chat: string
  status: MessageStatus
  /** WhatsApp's code, for a message that it refused. */
  error?: string
}

const { DELIVERY_ACK, READ, PLAYED } = proto.WebMessageInfo.Status
const statuses = new Map<unknown, MessageStatus>([
  [DELIVERY_ACK, 'delivered'],
  [READ, 'read'],
  [PLAYED, 'played'],
])

/** Of one contact. Sent and refused are not read from here: the ack says both, and sooner. */
export function statusesOf(updates: WAMessageUpdate[]): StatusUpdate[] {
  return updates.flatMap(({ key, update }) => {
    const status = statuses.get(update.status)
    return key.fromMe && key.id && status ? [{ waMessageId: key.id, chat: key.remoteJid ?? '', status }] : []
  })
}

/** Of a group: the first member who has it counts. */
export function receiptsOf(receipts: MessageUserReceiptUpdate[]): StatusUpdate[] {
  return receipts.flatMap(({ key, receipt }) => {
    const status = receipt.readTimestamp ? 'read' : receipt.receiptTimestamp ? 'delivered' : null
    return key.fromMe && key.id && status ? [{ waMessageId: key.id, chat: key.remoteJid ?? '', status }] : []
  })
}

/** Of a voice note in a group, which Baileys tells as read. The receipts of our own devices are no news. */
export function playedOf({ attrs, content }: BinaryNode): StatusUpdate[] {
  const { id, from: chat = '', participant } = attrs
  if (!participant || !chat.endsWith('@g.us')) return []
  const [list] = Array.isArray(content) ? content : []
  const items = Array.isArray(list?.content) ? list.content : []
  const ids = [id, ...items.map(item => item.attrs.id)].filter(each => each !== undefined)
  return ids.map(waMessageId => ({ waMessageId, chat, status: 'played' }))
}

/** The server's answer to a message. Baileys tells of refusals only. */
export function ackOf({ attrs: { id, error, from: chat = '' } }: BinaryNode): StatusUpdate[] {
  if (!id) return []
  const of = { waMessageId: id, chat }
  return [error ? { ...of, status: 'failed', error } : { ...of, status: 'sent' }]
}
