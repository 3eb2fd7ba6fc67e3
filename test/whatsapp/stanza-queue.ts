// What was sent to one linked device and not yet acknowledged. It survives the connection, as the server's does.
import type { BinaryNode } from 'baileys'
import { child, children } from './nodes.ts'

interface Waiting {
  readonly stanza: BinaryNode
  /** Sent anew after a retry receipt, whose nack for the first copy is still to come and must not settle this one. */
  nackDue: boolean
}

export interface StanzaQueue {
  add(stanza: BinaryNode, options?: { afterRetry?: boolean }): void
  /** Takes a receipt or an ack of the device and drops what it settles. */
  settle(answer: BinaryNode): void
  /** What to send again at the next login, oldest first. */
  readonly waiting: readonly BinaryNode[]
}

/** Makes the empty queue of a new device. */
export function createStanzaQueue(): StanzaQueue {
  // By stanza id: a device acknowledges thousands, and a message shares its id with its receipts only.
  const byId = new Map<string, Waiting[]>()

  function drop(id: string | undefined, isSettled: (waiting: Waiting) => boolean): void {
    const left = id === undefined ? undefined : byId.get(id)?.filter(each => !isSettled(each))
    if (id === undefined || left === undefined) return
    if (left.length > 0) byId.set(id, left)
    else byId.delete(id)
  }

  const isSame = (one: BinaryNode, other: BinaryNode) =>
    one.tag === other.tag &&
    one.attrs.from === other.attrs.from &&
    one.attrs.participant === other.attrs.participant &&
    one.attrs.type === other.attrs.type

  function settleByReceipt(receipt: BinaryNode): void {
    // Asking for a retry is not having received. Two people may use one id, so the sender counts too; the receipt
    // for a message that was typed on the phone names the chat instead.
    const { id, type, to, recipient, participant } = receipt.attrs
    if (type === 'retry') return
    const ids = [id, ...children(child(receipt, 'list'), 'item').map(item => item.attrs.id)]
    for (const each of ids) {
      drop(each, ({ stanza: { tag, attrs } }) => {
        if (tag !== 'message') return false
        if (participant !== undefined && attrs.participant !== undefined && attrs.participant !== participant)
          return false
        return recipient === undefined ? attrs.from === to : attrs.recipient === recipient
      })
    }
  }

  function settleByAck({ attrs }: BinaryNode): void {
    let isSettled = false
    drop(attrs.id, waiting => {
      const { tag, attrs: sent } = waiting.stanza
      if (isSettled || tag !== attrs.class || sent.from !== attrs.to || sent.type !== attrs.type) return false
      if (sent.participant !== attrs.participant) return false
      // The oldest: a second retry receipt is not answered with the first.
      isSettled = true
      if (attrs.error === undefined || !waiting.nackDue) return true
      waiting.nackDue = false
      return false
    })
  }

  return {
    add(stanza, { afterRetry = false } = {}) {
      const { id } = stanza.attrs
      if (id === undefined) throw new Error(`a <${stanza.tag}> without id cannot be acknowledged`)
      // Each time that a message is asked for again counts for itself; else a new copy takes the place of the old one.
      if (stanza.attrs.type !== 'retry') drop(id, ({ stanza: old }) => isSame(old, stanza))
      byId.set(id, [...(byId.get(id) ?? []), { stanza, nackDue: afterRetry }])
    },
    settle: answer => (answer.tag === 'receipt' ? settleByReceipt(answer) : settleByAck(answer)),
    get waiting() {
      return [...byId.values()].flat().map(({ stanza }) => stanza)
    },
  }
}
