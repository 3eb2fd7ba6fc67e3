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
import { createChanges } from './changes.ts'
import { createDrafts } from './drafts.ts'
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

export interface Pipeline extends AsyncDisposable {
  /** For the sessions. */
  inbound: InboundPort
  outbound: OutboundPort
  sender: Sender
  actions: MessageActions
  /** Takes up what a crash has left. To be called once, when plugins run and before any session does. */
  restore(): Promise<void>
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
  const tell = createTell({
    ...deps,
    lanes,
    news,
    withFile: async (id, message) =>
      message.media ? { ...message, media: await files.incoming.ready(id, message.media) } : message,
  })
  const keys = createIdempotencyKeys(deps)
  const tally = createPollTally({ ...deps, lanes, changed: row => news.tellPersisted(row) })
  const changes = createChanges({ ...deps, news, tally })
  const inbound = createInbound({ ...deps, news, tell, changes, files: files.incoming })
  const outbound = createOutbound({ ...deps, news, tell })
  const sender = createSender({
    ...deps,
    news,
    outbound,
    keys,
    drafts: createDrafts({ ...deps, files: files.outgoing }),
    timerOf: chatTimers(db),
  })
  const actions = createMessageActions({ ...deps, changes })
  return {
    inbound,
    outbound,
    sender,
    actions,
    async restore() {
      await inbound.restore()
      await tally.restore()
      await outbound.restore()
    },
    async [Symbol.asyncDispose]() {
      keys[Symbol.dispose]()
      await lanes[Symbol.asyncDispose]()
    },
  }
}
