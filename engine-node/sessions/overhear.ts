// What Baileys says is heard where it says it and not where it tells it: between the two lies a buffer that holds messages back for
// up to 30 s while their receipts leave, and that is thrown away when the connection ends.
import type { BaileysEventEmitter, BaileysEventMap } from 'baileys'

/**
 * Events that nothing in Baileys listens to: once we have heard of one it need not be buffered, merged with others and told. The rest
 * goes on to whoever waits for it.
 */
export const oursAlone: ReadonlySet<keyof BaileysEventMap> = new Set([
  'messaging-history.set',
  'chats.upsert',
  'chats.update',
  'chats.delete',
  'contacts.upsert',
  'contacts.update',
  'messages.upsert',
  'messages.update',
  'messages.delete',
  'messages.reaction',
  'message-receipt.update',
  'groups.update',
])

/** `hear` is called with each event, in the turn in which it happens. */
export function overhear(
  ev: BaileysEventEmitter,
  hear: <E extends keyof BaileysEventMap>(event: E, data: BaileysEventMap[E]) => void,
): void {
  const emit = ev.emit.bind(ev)
  ev.emit = (event, data) => {
    hear(event, data)
    return oursAlone.has(event) || emit(event, data)
  }
}
