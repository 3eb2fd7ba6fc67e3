// Whether a phone number has WhatsApp, from Baileys' answer. Pure.
import type { NumberCheck } from '../../src/contract/directory.ts'
import { GatewayError } from '../../src/contract/errors.ts'
import { toNeutral } from './jid.ts'

/** Digits of a phone number with its country code: E.164 allows 15, and nothing of fewer than 5 is one. */
const PHONE = /^\d{5,15}$/

/** The digits of a number however people write it, or of an id that begins with it; null for what is none. */
export function phoneDigits(text: string): string | null {
  const digits = text.replace(/@.*$/, '').replace(/[\s().+-]/g, '')
  return PHONE.test(digits) ? digits : null
}

/** Baileys gives undefined where no answer came in time; that must not pass for "does not exist". */
export function toNumberCheck(
  number: string,
  answer: readonly { jid: string; exists: unknown }[] | undefined,
): NumberCheck {
  if (answer === undefined)
    throw new GatewayError('whatsapp_unanswered', 'WhatsApp did not answer whether the number exists')
  const found = answer.find(({ exists }) => exists === true)
  return { number, exists: found !== undefined, whatsappId: found ? toNeutral(found.jid) : null }
}
