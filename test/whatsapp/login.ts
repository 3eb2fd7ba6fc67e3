// A linked device comes online: who it is, what waited for it, and what the phone tells a device it has not met.
import { proto } from 'baileys'
import type { Directory } from './account.ts'
import { type Companion, companionJid } from './companion.ts'
import type { Connection } from './connection.ts'
import type { DeviceNotices } from './device-notices.ts'
import type { Faults } from './faults.ts'
import type { History } from './history.ts'
import type { IqTable } from './iq.ts'
import { node, SERVER, seconds } from './nodes.ts'
import type { PeerMessages } from './peer-messages.ts'

/** What the server would have the client send it to on the next connection; any bytes do. */
const ROUTING_INFO = Buffer.from([8, 8, 8, 5])

interface Deps {
  readonly directory: Directory
  readonly faults: Faults
  readonly history: History
  readonly notices: DeviceNotices
  readonly peers: PeerMessages
}

export interface Login {
  /** Lets a client in that says it is paired, or refuses it. */
  open(connection: Connection): void
  readonly answers: IqTable
}

/** Makes the door for paired devices. */
export function createLogin({ directory, faults, history, notices, peers }: Deps): Login {
  function findDevice({ client }: Connection): Companion | undefined {
    const { username, device } = client?.payload ?? {}
    const companion = directory.find(String(username))?.companions.get(Number(device))
    return client && companion?.noiseKey.equals(client.noiseKey) ? companion : undefined
  }

  function handOverWaiting(connection: Connection, { queue }: Companion): void {
    const { waiting } = queue
    const count = (tag: string) => waiting.filter(each => each.tag === tag).length
    const tell = (content: ReturnType<typeof node>) =>
      connection.send(node('ib', { from: SERVER }, [content]))
    if (waiting.length > 0) {
      const [message, receipt, notification, call] = ['message', 'receipt', 'notification', 'call'].map(count)
      tell(node('offline_preview', { count: waiting.length, message, receipt, notification, call }))
    }
    for (const [index, stanza] of waiting.entries()) {
      connection.send(node(stanza.tag, { ...stanza.attrs, offline: index }, stanza.content))
    }
    // Without this the client would hold its events back.
    tell(node('offline', { count: waiting.length }))
  }

  /** The key of the shared settings, then the history. */
  async function introduce(companion: Companion): Promise<void> {
    const { appState } = companion.account
    const { APP_STATE_SYNC_KEY_SHARE } = proto.Message.ProtocolMessage.Type
    await appState.prepare()
    const fingerprint = { rawId: 1, currentIndex: 0, deviceIndexes: [0] }
    const keyData = { keyData: appState.key.data, fingerprint, timestamp: Date.now() }
    await peers.tell(companion, {
      type: APP_STATE_SYNC_KEY_SHARE,
      appStateSyncKeyShare: { keys: [{ keyId: { keyId: appState.key.id }, keyData }] },
    })
    await history.introduce(companion)
  }

  async function activate(connection: Connection, companion: Companion): Promise<void> {
    connection.active = true
    handOverWaiting(connection, companion)
    companion.account.milestones.add({ device: companion.id, reached: 'online' })
    if (companion.introduced) return
    companion.introduced = true
    await introduce(companion)
  }

  return {
    open(connection) {
      const companion = findDevice(connection)
      const failure = faults.loginFailure ?? (companion ? undefined : { reason: 401 })
      if (!companion || failure) return connection.end(node('failure', { ...failure, location: 'atn' }))
      const { account } = companion
      companion.connection?.end(node('stream:error', {}, [node('conflict', { type: 'replaced' })]))
      companion.connection = connection
      connection.companion = companion
      const lid = companionJid(companion, 'lid')
      connection.send(
        node('success', { t: seconds(), lid, props: 27, location: 'atn', display_name: account.name }),
      )
      const routing = [node('routing_info', {}, ROUTING_INFO)]
      connection.send(node('ib', { from: SERVER }, [node('edge_routing', {}, routing)]))
    },
    answers: {
      'set passive active': ({ connection, companion }) => ({
        afterwards: () => activate(connection, companion),
      }),
      'set passive': ({ connection }) => {
        connection.active = false
      },
      // The client logs out for good.
      'set md remove-companion-device': ({ connection, companion, account }) => ({
        afterwards() {
          account.companions.delete(companion.id)
          notices.tell(account, 'remove', companion.id)
          connection.end()
        },
      }),
    },
  }
}
