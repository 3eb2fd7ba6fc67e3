// The phone's own business with its linked devices: messages that no chat shows.
import type { proto } from 'baileys'
import type { Companion } from './companion.ts'
import { freshId } from './nodes.ts'
import type { Post } from './post.ts'

export interface PeerMessages {
  /** Sends one from the phone of the account. */
  tell(to: Companion, protocolMessage: proto.Message.IProtocolMessage): Promise<void>
}

/** Makes the way from phones to their linked devices. */
export function createPeerMessages({ post }: { post: Post }): PeerMessages {
  return {
    async tell(to, protocolMessage) {
      const { account } = to
      const attrs = { from: account.pnJid, id: freshId(), category: 'peer' }
      await post.send(to, { sender: account, message: { protocolMessage }, attrs })
    },
  }
}
