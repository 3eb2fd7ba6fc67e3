// The stanzas that we send by ourselves, past Baileys.
import type { BinaryNode } from 'baileys'

/** A question that WhatsApp answers with nothing but an answer. */
export const ping: BinaryNode = {
  tag: 'iq',
  attrs: { to: 's.whatsapp.net', type: 'get', xmlns: 'w:p' },
  content: [{ tag: 'ping', attrs: {} }],
}

/** Unlinks a device of the account. */
export const removeDevice = (jid: string): BinaryNode => ({
  tag: 'iq',
  attrs: { to: 's.whatsapp.net', type: 'set', xmlns: 'md' },
  content: [{ tag: 'remove-companion-device', attrs: { jid, reason: 'user_initiated' } }],
})
