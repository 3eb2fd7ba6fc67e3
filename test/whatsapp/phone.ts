// The phone of an account's owner, as a test speaks of it: scans, types, removes and cuts off its linked devices.
import type { proto } from 'baileys'
import type { Account, Directory, Person } from './account.ts'
import { isOnline } from './companion.ts'
import { compose, type Quote, reader } from './contact.ts'
import { disconnect, type Ending } from './faults.ts'
import { type Received, readText } from './inbox.ts'
import { freshId } from './nodes.ts'
import type { Pairing } from './pairing.ts'
import type { Post } from './post.ts'

export interface Phone extends Person {
  /** Links the device that shows this QR. Resolves when it is linked; rejects if the QR is stale or it refuses. */
  scan(qr: string): Promise<{ readonly device: number }>
  /** Sends a message typed on the phone itself; its linked devices see it as their own. */
  types(
    content: string | proto.IMessage,
    options: { readonly to: Person; readonly id?: string; readonly quote?: Quote },
  ): Promise<{ readonly id: string }>
  /** Has the server end the connections of the linked devices; `removed` unlinks them too. */
  disconnect(kind: Ending): void
  readonly isLinked: boolean
  /** A linked device is connected and takes messages. */
  readonly isOnline: boolean
  online(): Promise<void>
  offline(): Promise<void>
  /**
   * A linked device has all that the phone tells a new one. Wait for it before the first disconnect: Baileys holds
   * back its events for 20 s at a login if it was cut off before.
   */
  synced(): Promise<void>
  /** What its linked devices sent, as mirrored to the phone. */
  readonly inbox: readonly Received[]
  next(wanted?: (message: Received) => boolean, timeoutMs?: number): Promise<Received>
}

interface Deps {
  readonly account: Account
  readonly directory: Directory
  readonly pairing: Pairing
  readonly post: Post
}

/** Gives an account its voice as the owner of linked devices. */
export function createPhone({ account, directory, pairing, post }: Deps): Phone {
  const { pn, lid, pnJid, lidJid, name, companions, milestones } = account

  const phone: Phone = {
    pn,
    lid,
    pnJid,
    lidJid,
    name,
    async scan(qr) {
      const { id } = await pairing.scan(qr, account)
      return { device: id }
    },
    async types(content, { to, id = freshId(), quote }) {
      const message = compose(content, quote)
      const mirrored = { deviceSentMessage: { destinationJid: to.pnJid, message } }
      const attrs = {
        from: pnJid,
        recipient: to.pnJid,
        recipient_lid: to.lidJid,
        id,
        type: 'text',
        notify: name,
      }
      for (const device of companions.values()) {
        await post.send(device, { sender: account, message: mirrored, attrs })
      }
      // Between two simulated phones nothing is gained by encrypting.
      const received = { id, text: readText(message), from: pn, device: 0, to: to.pnJid, message }
      directory.find(to.pn)?.inbox.add(received)
      return { id }
    },
    disconnect: kind => disconnect(account, kind),
    get isLinked() {
      return companions.size > 0
    },
    get isOnline() {
      return [...companions.values()].some(isOnline)
    },
    async online() {
      while (!phone.isOnline) await milestones.take(({ reached }) => reached === 'online')
    },
    async offline() {
      while (phone.isOnline) await milestones.take(({ reached }) => reached === 'offline')
    },
    synced: async () => void (await milestones.find(({ reached }) => reached === 'synced')),
    ...reader(account.inbox),
  }
  return phone
}
