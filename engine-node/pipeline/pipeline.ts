// The way of a message through the gateway, put together: in, out, and the news of both.
import type { Db } from '../../src/db/db.ts'
import { chatTimers } from '../../src/db/directory/chats.ts'
import type { Clock } from '../clock.ts'
import type { Fault } from '../fault.ts'
import type { Logger } from '../log.ts'
import type { Media } from '../media/media.ts'
import type { PreviewLink } from '../net/link-preview.ts'
import type { Inbound as InboundPort, Outbound as OutboundPort } from '../sessions/inbound-port.ts'
import type { Link } from '../sessions/link.ts'
import type { Sealer } from '../store/sealer.ts'
import type { WriteQueue } from '../store/write-queue.ts'
import { createChangeRetention } from './change-retention.ts'
import { createChanges } from './changes.ts'
import { createConnections } from './connections.ts'
import { createDrafts } from './drafts.ts'
import { createEarlyReceipts } from './early-receipts.ts'
import { createIdempotencyKeys } from './idempotency.ts'
import { createInbound } from './inbound.ts'
import { createLanes } from './lanes.ts'
import { createMessageActions, type MessageActions } from './message-actions.ts'
import { createMessageNews, type HookRunner, type Record } from './message-news.ts'
import { createOutbound } from './outbound.ts'
import { createPollTally } from './poll-tally.ts'
import { createSender, type Sender } from './sender.ts'
import { createTell } from './tell.ts'
import type { ShowTyping } from './typing.ts'
import { createWaitingAge } from './waiting-age.ts'

/** After lost writes, before what is in the database is looked at: the first tries of others to write come sooner and fail alike. */
const LOOK_AGAIN_MS = 1_000
const LOOK_AGAIN_AFTER_FAILURE_MS = 10_000

export interface Pipeline extends AsyncDisposable {
  /** For the sessions. */
  inbound: InboundPort
  outbound: OutboundPort
  sender: Sender
  actions: MessageActions
  /**
   * Takes up what a crash has left in some sessions, when plugins run and before these sessions do: at the start those that
   * no other engine runs, and each that is taken over from one later.
   */
  restore(isOurs?: (sessionId: string) => boolean): Promise<void>
}

export function createPipeline(deps: {
  db: Db
  queue: WriteQueue
  sealer: Sealer
  clock: Clock
  log: Logger
  record: Record
  chain: HookRunner
  /** The connection of a session. Rejects with `not_found`, `session_not_started` or `session_not_ready`. */
  link(sessionId: string): Promise<Link>
  /** True for a session that this engine runs, connected or not. */
  isLive(sessionId: string): boolean
  files: Pick<Media, 'incoming' | 'outgoing'>
  type: ShowTyping
  preview: PreviewLink
  randomBytes: (length: number) => Uint8Array
  /** Ids of rows; see row-ids.ts. */
  nextRowId: () => string
  fault?: Fault | undefined
}): Pipeline {
  const { db, clock, log, files } = deps
  const lanes = createLanes({
    onError: error => log.error({ err: error }, 'a message was stored, but its hooks could not run'),
  })
  const news = createMessageNews({ ...deps, now: clock.now })
  const connections = createConnections({ clock })
  const tell = createTell({
    ...deps,
    lanes,
    news,
    connections,
    withFile: async (id, message) =>
      message.media ? { ...message, media: await files.incoming.ready(id, message.media) } : message,
  })
  const keys = createIdempotencyKeys(deps)
  const changeRetention = createChangeRetention(deps)
  const tally = createPollTally({ ...deps, lanes, changed: row => news.tellPersisted(row) })
  const changes = createChanges({ ...deps, news, tally })
  const early = createEarlyReceipts({ news })
  const inbound = createInbound({ ...deps, news, tell, changes, early, files: files.incoming })
  const outbound = createOutbound({ ...deps, news, tell, early })
  const waitingAge = createWaitingAge({ outbound, clock, log })
  const sender = createSender({
    ...deps,
    news,
    outbound,
    keys,
    drafts: createDrafts({ ...deps, files: files.outgoing }),
    timerOf: chatTimers(db),
  })
  const actions = createMessageActions({ ...deps, changes })

  async function restore(isOurs = (_sessionId: string) => true) {
    await inbound.restore(isOurs)
    await changes.restore()
    await tally.restore(isOurs)
    await outbound.restore(isOurs)
  }

  let undoLook = () => {}
  /** A commit whose answer was lost may have been made all the same: its messages are stored, and nobody was told of them. */
  function lookLater(ms: number) {
    undoLook()
    undoLook = clock.after(ms, () => {
      deps.queue
        .settled()
        .then(() => restore(deps.isLive))
        .catch(err => {
          log.warn({ err }, 'what lost writes have left could not be looked at')
          lookLater(LOOK_AGAIN_AFTER_FAILURE_MS)
        })
    })
  }
  const off = deps.queue.onFailure(() => lookLater(LOOK_AGAIN_MS))

  return {
    inbound,
    outbound: {
      ...outbound,
      connected(sessionId, link) {
        outbound.connected(sessionId, link)
        connections.connected(sessionId)
      },
      disconnected(sessionId) {
        outbound.disconnected(sessionId)
        connections.disconnected(sessionId)
      },
    },
    sender,
    actions,
    restore,
    async [Symbol.asyncDispose]() {
      off()
      undoLook()
      connections[Symbol.dispose]()
      keys[Symbol.dispose]()
      changeRetention[Symbol.dispose]()
      waitingAge[Symbol.dispose]()
      await lanes[Symbol.asyncDispose]()
    },
  }
}
