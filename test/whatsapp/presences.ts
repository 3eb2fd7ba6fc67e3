// Who shows that they are there, and that they type: what contacts show clients, and what clients show contacts. None
// of it is kept for those who are away.
import type { BinaryNode } from 'baileys'
import { type Account, addressOf, type Directory, type Person } from './account.ts'
import type { Companion } from './companion.ts'
import { type Groups, participantAttrs } from './group-state.ts'
import { child, node, seconds } from './nodes.ts'
import { isGroup } from './outgoing.ts'
import { createRecorder, type Recorder } from './recorder.ts'

export type Presence = 'available' | 'unavailable' | 'composing' | 'recording' | 'paused'

/** What a client showed, or that it wants to be shown somebody. */
export interface Shown {
  readonly by: string
  readonly presence: Presence | 'subscribe'
  /** The chat or the person; nothing when it is for everybody. */
  readonly to: string | undefined
}

export interface ShowOptions {
  readonly to: Person | { readonly jid: string }
  readonly addressing?: 'pn' | 'lid'
}

export interface Presences {
  /** Shows something to all devices of a person or a group that are connected. */
  show(account: Account, presence: Presence, options: ShowOptions): void
  onPresence(from: Companion, stanza: BinaryNode): void
  onChatState(from: Companion, stanza: BinaryNode): void
  readonly shown: Recorder<Shown>
}

interface Deps {
  readonly directory: Directory
  readonly groups: Groups
}

function chatState(presence: Presence): BinaryNode {
  return presence === 'recording' ? node('composing', { media: 'audio' }) : node(presence)
}

/** Makes the server's part in it. */
export function createPresences({ directory, groups }: Deps): Presences {
  const shown = createRecorder<Shown>({
    what: 'presences of clients',
    describe: ({ by, presence, to }) => `${by} ${presence} ${to ?? ''}`,
  })

  function stanzaFor(
    account: Account,
    presence: Presence,
    { to, addressing = 'pn' }: ShowOptions,
  ): BinaryNode {
    if (presence === 'available' || presence === 'unavailable') {
      const gone = presence === 'unavailable' ? { type: presence, last: seconds() } : {}
      return node('presence', { from: addressOf(account, addressing), ...gone })
    }
    if (!isGroup(to))
      return node('chatstate', { from: addressOf(account, addressing) }, [chatState(presence)])
    const group = groups.find(to.jid)
    if (!group?.members.has(account)) throw new Error(`${account.name} is not in this group`)
    const { participant } = participantAttrs(group, account)
    return node('chatstate', { from: group.jid, participant }, [chatState(presence)])
  }

  return {
    show(account, presence, options) {
      const { to } = options
      const stanza = stanzaFor(account, presence, options)
      const people = isGroup(to) ? [...(groups.find(to.jid)?.members.keys() ?? [])] : [directory.find(to.pn)]
      for (const person of people) {
        if (person === account) continue
        for (const { connection } of person?.companions.values() ?? []) connection?.send(stanza)
      }
    },
    onPresence({ account }, { attrs }) {
      const presence = (attrs.type ?? 'available') as Shown['presence']
      shown.add({ by: account.pn, presence, to: attrs.to })
    },
    onChatState({ account }, stanza) {
      const state = child(stanza)
      const presence = state?.attrs.media === 'audio' ? 'recording' : ((state?.tag ?? 'paused') as Presence)
      shown.add({ by: account.pn, presence, to: stanza.attrs.to })
    },
    shown,
  }
}
