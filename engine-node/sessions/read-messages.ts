// What came over the socket, sorted: messages, what stands for those that cannot be read, and changes of others.
import type { WAMessage } from 'baileys'
import {
  type ReceivedMessage,
  type Receiver,
  toReceived,
  toUndecrypted,
  toUnreadable,
  type UndecryptedMessage,
} from './incoming.ts'
import { type ReceivedChange, toChange } from './incoming-change.ts'

export interface ReadMessages {
  received: ReceivedMessage[]
  missed: UndecryptedMessage[]
  changes: ReceivedChange[]
}

/**
 * `onFault` hears of a message that a reader stumbles over. A stranger wrote it, and left as it is it would come again with
 * every connection and end each: so it is kept as one that cannot be read.
 */
export function readMessages(
  given: readonly WAMessage[],
  to: Receiver,
  onFault: (error: unknown, message: WAMessage) => void,
): ReadMessages {
  const read: ReadMessages = { received: [], missed: [], changes: [] }
  const keep = <T>(list: T[], found: T | null) => {
    if (found !== null) list.push(found)
  }
  for (const message of given) {
    try {
      const [received, missed, change] = [
        toReceived(message, to),
        toUndecrypted(message, to),
        toChange(message, to),
      ]
      keep(read.received, received)
      keep(read.missed, missed)
      keep(read.changes, change)
    } catch (error) {
      onFault(error, message)
      keep(read.missed, toUnreadable(message, to))
    }
  }
  return read
}
