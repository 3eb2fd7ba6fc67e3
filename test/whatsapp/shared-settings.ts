// Tells linked devices of settings that changed: those the phone writes, and those that another linked device wrote.
import type { ChatModification } from 'baileys'
import type { Account } from './account.ts'
import type { IqTable } from './iq.ts'
import { child, children, freshId, node, seconds } from './nodes.ts'
import type { Post } from './post.ts'

export interface SharedSettings {
  /** Has the phone of an account change a setting. */
  write(account: Account, change: ChatModification, chat?: string): Promise<void>
  readonly answers: IqTable
}

/** Makes the messenger between the devices of each account. */
export function createSharedSettings({ post }: { post: Post }): SharedSettings {
  function tell(account: Account, name: string, version: number, except?: number): void {
    for (const device of account.companions.values()) {
      if (device.id === except || !device.introduced) continue
      const attrs = { from: account.pnJid, type: 'server_sync', id: freshId(), t: seconds() }
      post.deliver(device, node('notification', attrs, [node('collection', { name, version })]))
    }
  }

  return {
    async write(account, change, chat) {
      const { name, version } = await account.appState.write(change, chat)
      tell(account, name, version)
    },
    answers: {
      'set w:sync:app:state sync': async ({ account, companion, body }) => {
        const asked = children(body, 'collection')
        const answers = []
        for (const each of asked) {
          const answer = await account.appState.sync(each)
          answers.push(answer)
          const { name = '', version, type } = answer.attrs
          if (child(each, 'patch') && type !== 'error') tell(account, name, Number(version), companion.id)
        }
        return [node('sync', {}, answers)]
      },
    },
  }
}
