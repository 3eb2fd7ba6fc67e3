// The queries about the account itself, and those that only want to be answered.
import type { Directory } from './account.ts'
import type { IqTable, Query } from './iq.ts'
import type { MediaHost } from './media-host.ts'
import { bytes, child, children, node } from './nodes.ts'

/** What clients are told that they may upload at once. */
const MAX_UPLOAD_BYTES = 100 * 1024 * 1024

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

interface Deps {
  readonly directory: Directory
  readonly mediaHost: Pick<MediaHost, 'host' | 'auth' | 'publish'>
}

/** Makes the table. */
export function createAccountAnswers({ directory, mediaHost }: Deps): IqTable {
  return {
    'get abt props': () => [node('props', { protocol: 1, hash: 'none', refresh: 86_400, refresh_id: 1 }, [])],

    'get privacy': privacy,
    'set privacy': query => {
      for (const { attrs } of children(query.body, 'category')) {
        if (attrs.name && attrs.value) query.account.privacy.set(attrs.name, attrs.value)
      }
      return privacy(query)
    },
    'set privacy tokens': ({ account, body }) => {
      account.trusted.push(...children(body, 'token').map(({ attrs }) => attrs.jid ?? ''))
      return [node('tokens', {}, [])]
    },

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
    'get w:profile:picture': ({ account, iq }) => {
      const path = (iq.attrs.target === undefined ? account : directory.find(iq.attrs.target))?.picture
      if (path === undefined) return { refused: 404, why: 'item-not-found' }
      const url = `https://${mediaHost.host}${path}`
      return [node('picture', { id: path.slice(-12), type: 'image', url, direct_path: path })]
    },
    'set w:profile:picture': ({ account, body }) => {
      account.picture = body && mediaHost.publish(bytes(body))
      return body && [node('picture', { id: account.picture?.slice(-12) })]
    },

    'set w:m media_conn': () => [
      node('media_conn', { auth: mediaHost.auth, ttl: 3600, auth_ttl: 3600, max_buckets: 12, id: 1 }, [
        node('host', { hostname: mediaHost.host, maxContentLengthBytes: MAX_UPLOAD_BYTES }),
      ]),
    ],

    // Keep-alive: an answer of any kind shows that the link lives.
    'get w:p': nothing,
    'set disappearing_mode': nothing,
    'set urn:xmpp:whatsapp:dirty': nothing,
    'set w:stats': nothing,
  }
}
