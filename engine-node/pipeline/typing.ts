// Before a message goes its reader sees that somebody types, for about as long as that would take (REST spec, section 3).
import type { ChatId } from '../../src/contract/ids.ts'
import type { Clock } from '../clock.ts'
import { chatKind } from '../sessions/jid.ts'
import type { Link } from '../sessions/link.ts'

/** OpenWA's figures. */
const BASE_MS = 500
const PER_CHARACTER_MS = 45
const SPREAD = 0.15

/** Resolves when the message may go. What shows it is best effort: nobody waits for it, and no message fails by it. */
export type ShowTyping = (link: Link, chatId: string, characters: number) => Promise<void>

/** How long it takes to type that much, in ms. */
export function typingTime(
  characters: number,
  { maxMs, random }: { maxMs: number; random: () => number },
): number {
  const plain = Math.min(maxMs, BASE_MS + PER_CHARACTER_MS * characters)
  return Math.round(plain * (1 + SPREAD * (2 * random() - 1)))
}

export function createTyping(deps: {
  clock: Pick<Clock, 'after'>
  /** [0, 1) */
  random: () => number
  isEnabled: boolean
  maxMs: number
}): ShowTyping {
  const { clock, random, isEnabled, maxMs } = deps
  return async (link, chatId, characters) => {
    const kind = chatKind(chatId)
    // Nobody sees it in a channel or a status.
    if (!isEnabled || (kind !== 'individual' && kind !== 'group')) return
    const show = (state: 'typing' | 'paused') =>
      void link.account
        .changeChat({ change: 'typing', input: { chatId: chatId as ChatId, state } })
        .catch(() => {
          // The connection ends or WhatsApp does not answer: the message itself will tell.
        })
    show('typing')
    await new Promise<void>(resolve => clock.after(typingTime(characters, { maxMs, random }), resolve))
    show('paused')
  }
}
