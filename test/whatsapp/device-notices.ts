// Tells linked devices that somebody has one device more or less, so that they write to all of them and to no other.
import { type Account, addressOf, type Directory } from './account.ts'
import { freshId, node, seconds } from './nodes.ts'
import type { Post } from './post.ts'

export interface DeviceNotices {
  /** Everybody is told: the emulator does not keep who knows whom. */
  tell(account: Account, change: 'add' | 'remove', device: number): void
}

interface Deps {
  readonly directory: Directory
  readonly post: Post
}

/** Makes the messenger. */
export function createDeviceNotices({ directory, post }: Deps): DeviceNotices {
  return {
    tell(account, change, device) {
      for (const other of directory.all()) {
        for (const companion of other.companions.values()) {
          if (other === account && companion.id === device) continue
          // Under both addresses: clients keep a list for each.
          for (const by of ['pn', 'lid'] as const) {
            const named = node('device', { jid: addressOf(account, by, device), 'key-index': device })
            const attrs = { from: addressOf(account, by), type: 'devices', id: freshId(), t: seconds() }
            const content = [node(change, { device_hash: '2:none' }, [named])]
            post.deliver(companion, node('notification', attrs, content))
          }
        }
      }
    },
  }
}
