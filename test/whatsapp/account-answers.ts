// The queries about the account itself, and those that only want to be answered.
import type { IqTable, Query } from './iq.ts'
import { bytes, child, children, node } from './nodes.ts'

const nothing = () => {}

const privacy = ({ account }: Query) => [
  node(
    'privacy',
    {},
    [...account.privacy].map(([name, value]) => node('category', { name, value })),
  ),
]

const blocklist = ({ account }: Query) => [
  node(
    'list',
    { dhash: 'none', addressing_mode: 'lid' },
    [...account.blocked].map(jid => node('item', { jid })),
  ),
]

export const accountAnswers: IqTable = {
  'get abt props': () => [node('props', { protocol: 1, hash: 'none', refresh: 86_400, refresh_id: 1 }, [])],

  'get privacy': privacy,
  'set privacy': query => {
    for (const { attrs } of children(query.body, 'category')) {
      if (attrs.name && attrs.value) query.account.privacy.set(attrs.name, attrs.value)
    }
    return privacy(query)
  },
  // Asked once after the first message to each contact.
  'set privacy tokens': () => [node('tokens', {}, [])],

  'get blocklist': blocklist,
  'set blocklist': query => {
    const { jid, action } = child(query.iq, 'item')?.attrs ?? {}
    if (jid && action === 'block') query.account.blocked.add(jid)
    if (jid && action === 'unblock') query.account.blocked.delete(jid)
    return blocklist(query)
  },

  'set status': ({ account, body }) => {
    account.about = bytes(body).toString()
  },
  'get w:profile:picture': () => ({ refused: 404, why: 'item-not-found' }),

  // Keep-alive: an answer of any kind shows that the link lives.
  'get w:p': nothing,
  'set disappearing_mode': nothing,
  'set urn:xmpp:whatsapp:dirty': nothing,
  'set w:stats': nothing,
}
