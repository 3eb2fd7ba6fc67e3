// Calls of contacts, as far as a client that cannot talk takes part in them: they ring, end, and may be rejected.
import { randomBytes } from 'node:crypto'
import type { BinaryNode } from 'baileys'
import { type Account, addressOf, type Directory, type Person } from './account.ts'
import type { Companion } from './companion.ts'
import { child, freshId, node, seconds } from './nodes.ts'
import type { Post } from './post.ts'
import { createRecorder } from './recorder.ts'

export interface CallOptions {
  readonly video?: boolean
  /** The group it is for. */
  readonly group?: { readonly jid: string }
  readonly addressing?: 'pn' | 'lid'
}

export interface Call {
  readonly id: string
  /** The caller hangs up, or, with `timeout`, nobody has answered. */
  ends(reason?: 'timeout'): void
  /** Resolves when a client has rejected it. */
  rejected(timeoutMs?: number): Promise<void>
}

export interface Calls {
  /** Has somebody call a person. */
  ring(by: Account, to: Person, options?: CallOptions): Call
  onCall(from: Companion, stanza: BinaryNode): void
}

interface Deps {
  readonly directory: Directory
  readonly post: Post
}

/** Makes the exchange. */
export function createCalls({ directory, post }: Deps): Calls {
  const rejections = createRecorder<string>({ what: 'rejected calls', describe: id => id })

  return {
    ring(by, to, { video = false, group, addressing = 'pn' } = {}) {
      const id = randomBytes(16).toString('hex').toUpperCase()
      const from = addressOf(by, addressing)
      const common = {
        'call-id': id,
        'call-creator': from,
        caller_pn: addressing === 'lid' ? by.pnJid : undefined,
      }
      const tell = (what: BinaryNode) => {
        for (const device of directory.find(to.pn)?.companions.values() ?? []) {
          const attrs = { from, id: freshId(), t: seconds(), notify: by.name }
          post.deliver(device, node('call', attrs, [what]))
        }
      }
      const kinds = [
        node('audio', { enc: 'opus', rate: 16_000 }),
        ...(video ? [node('video', { enc: 'h264' })] : []),
      ]
      tell(node('offer', { ...common, 'group-jid': group?.jid }, kinds))
      return {
        id,
        ends: reason => tell(node('terminate', { ...common, reason })),
        rejected: async timeoutMs => void (await rejections.find(each => each === id, timeoutMs)),
      }
    },
    onCall(_from, stanza) {
      const rejected = child(stanza, 'reject')?.attrs['call-id']
      if (rejected !== undefined) rejections.add(rejected)
    },
  }
}
