// A linked device comes online: who it is, what waited for it, and what the phone tells a device it has not met.
import { deflateSync } from 'node:zlib'
import { proto } from 'baileys'
import type { Directory } from './account.ts'
import { type Companion, companionJid } from './companion.ts'
import type { Connection } from './connection.ts'
import type { Faults } from './faults.ts'
import type { IqTable } from './iq.ts'
import { freshId, node, SERVER, seconds } from './nodes.ts'
import type { Post } from './post.ts'

/** What the server would have the client send it to on the next connection; any bytes do. */
const ROUTING_INFO = Buffer.from([8, 8, 8, 5])

interface Deps {
  readonly directory: Directory
  readonly faults: Faults
  readonly post: Post
}

export interface Login {
  /** Lets a client in that says it is paired, or refuses it. */
  open(connection: Connection): void
  readonly answers: IqTable
}

/** Makes the door for paired devices. */
export function createLogin({ directory, faults, post }: Deps): Login {
  function findDevice({ client }: Connection): Companion | undefined {
    const { username, device } = client?.payload ?? {}
    const companion = directory.find(String(username))?.companions.get(Number(device))
    return client && companion?.noiseKey.equals(client.noiseKey) ? companion : undefined
  }

  function handOverWaiting(connection: Connection, { queue }: Companion): void {
    const { waiting } = queue
    const messages = waiting.filter(({ tag }) => tag === 'message').length
    const tell = (content: ReturnType<typeof node>) =>
      connection.send(node('ib', { from: SERVER }, [content]))
    if (waiting.length > 0) {
      tell(
        node('offline_preview', {
          count: waiting.length,
          message: messages,
          receipt: waiting.length - messages,
        }),
      )
    }
    for (const [index, stanza] of waiting.entries()) {
      connection.send(node(stanza.tag, { ...stanza.attrs, offline: index }, stanza.content))
    }
    // Without this the client would hold its events back.
    tell(node('offline', { count: waiting.length }))
  }

  async function tellFromPhone(
    companion: Companion,
    protocolMessage: proto.Message.IProtocolMessage,
  ): Promise<void> {
    const { account } = companion
    const attrs = { from: account.pnJid, id: freshId(), type: 'text', category: 'peer' }
    await post.send(companion, { sender: account, message: { protocolMessage }, attrs })
  }

  /** The key of the shared settings, then the history: a client waits up to 20 s for the first of the latter. */
  async function introduce(companion: Companion): Promise<void> {
    const { appState } = companion.account
    const { APP_STATE_SYNC_KEY_SHARE, HISTORY_SYNC_NOTIFICATION } = proto.Message.ProtocolMessage.Type
    const { INITIAL_BOOTSTRAP, RECENT } = proto.HistorySync.HistorySyncType
    await appState.prepare()
    const fingerprint = { rawId: 1, currentIndex: 0, deviceIndexes: [0] }
    const keyData = { keyData: appState.key.data, fingerprint, timestamp: Date.now() }
    await tellFromPhone(companion, {
      type: APP_STATE_SYNC_KEY_SHARE,
      appStateSyncKeyShare: { keys: [{ keyId: { keyId: appState.key.id }, keyData }] },
    })
    for (const syncType of [INITIAL_BOOTSTRAP, RECENT]) {
      const history = proto.HistorySync.encode({ syncType, conversations: [], progress: 100 }).finish()
      const initialHistBootstrapInlinePayload = deflateSync(history)
      await tellFromPhone(companion, {
        type: HISTORY_SYNC_NOTIFICATION,
        historySyncNotification: {
          syncType,
          chunkOrder: 1,
          progress: 100,
          initialHistBootstrapInlinePayload,
        },
      })
    }
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
      const reason = faults.loginFailure ?? (companion ? undefined : 401)
      if (!companion || reason !== undefined)
        return connection.end(node('failure', { reason, location: 'atn' }))
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
          connection.end()
        },
      }),
    },
  }
}
