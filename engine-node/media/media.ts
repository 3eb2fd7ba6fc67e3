// Files of messages, put together: the store, what comes and what goes, what is served and what is swept.
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { GatewayError } from '../../src/contract/errors.ts'
import type { Db } from '../../src/db/db.ts'
import { findMediaByWaId } from '../../src/db/message-media.ts'
import type { Clock } from '../clock.ts'
import type { Fault } from '../fault.ts'
import type { Logger } from '../log.ts'
import { mediaIn } from '../sessions/incoming-media.ts'
import type { Link } from '../sessions/link.ts'
import { openProto } from '../sessions/stored-proto.ts'
import type { Sealer } from '../store/sealer.ts'
import type { WriteQueue } from '../store/write-queue.ts'
import { createIncomingFiles, type IncomingFiles } from './incoming-files.ts'
import { createMediaDownload } from './media-download.ts'
import { createMediaRetention } from './media-retention.ts'
import { createMediaStore, type StoredFile } from './media-store.ts'
import { createOutgoingFiles, type OutgoingFiles } from './outgoing-files.ts'
import type { SessionFetch } from './session-fetch.ts'

export interface MediaLimits {
  /** Of one file that is sent. */
  outgoingBytes: number
  /** Of one file that came; larger ones are not fetched. */
  incomingBytes: number
  /** Of all files together, on the disk. */
  totalBytes: number
  /** 0: for ever. */
  maxAgeMs: number
  /** Of one file that hooks get as base64. */
  inlineBytes: number
  /** Age up to which files of history are fetched in the background; 0 fetches them when somebody asks. */
  backgroundMs: number
}

/** A file as it is served. */
export interface ServedFile {
  stream: ReadableStream<Uint8Array>
  bytes: number
  mimetype: string
  filename: string | null
}

export interface Media extends AsyncDisposable {
  incoming: IncomingFiles
  outgoing: OutgoingFiles
  /**
   * The file of an old message is fetched then. Rejects with `not_found` for a message without a file, or one that is not here,
   * and with `whatsapp_unanswered` where the fetch takes longer.
   */
  open(of: { sessionId: string; chatId: string; messageId: string }): Promise<ServedFile>
  /** Takes a file in, to be sent by its hash. Rejects with `body_too_large`. */
  upload(chunks: AsyncIterable<Uint8Array>): Promise<StoredFile>
  /** To be called once, before any session runs. */
  start(): void
}

export function createMedia(deps: {
  db: Db
  queue: Pick<WriteQueue, 'commit'>
  sealer: Sealer
  clock: Clock
  log: Logger
  fetch: SessionFetch
  /** Hosts besides WhatsApp's that files may be fetched from, as `host:port`. */
  allowedHosts: readonly string[]
  dataDir: string
  limits: MediaLimits
  link(sessionId: string): Promise<Link>
  random: () => number
  randomBytes: (length: number) => Uint8Array
  fault?: Fault | undefined
}): Media {
  const { db, sealer, clock, limits } = deps
  const store = createMediaStore({ folder: join(deps.dataDir, 'media'), fault: deps.fault })
  const incoming = createIncomingFiles({
    ...deps,
    store,
    download: createMediaDownload({
      ...deps,
      store,
      fetchOf: deps.fetch.media,
      maxBytes: limits.incomingBytes,
    }),
    read(row) {
      const proto = openProto(sealer, { ...row, id: row.messageId })
      const ref = proto && mediaIn(proto)
      return proto && ref && { proto, ref }
    },
    async reupload(sessionId, proto) {
      try {
        return await (await deps.link(sessionId)).messages.reupload(proto)
      } catch (error) {
        // Nobody to ask at this moment.
        if (error instanceof GatewayError) return { outcome: 'failed', why: error.message }
        throw error
      }
    },
    maxInlineBytes: limits.inlineBytes,
    backgroundMs: limits.backgroundMs,
  })
  const outgoing = createOutgoingFiles({
    ...deps,
    store,
    fetchOf: deps.fetch.anywhere,
    maxBytes: limits.outgoingBytes,
    now: clock.now,
  })
  const retention = createMediaRetention({
    ...deps,
    store,
    limits: { maxAgeMs: limits.maxAgeMs, maxBytes: limits.totalBytes },
  })

  return {
    incoming,
    outgoing,
    async open({ sessionId, chatId, messageId: waMessageId }) {
      const known = await findMediaByWaId(db, { sessionId, chatId, waMessageId })
      const row = known?.hash === null ? await incoming.want(known) : known
      if (known?.state === 'remote' && row?.state === 'waiting')
        throw new GatewayError('whatsapp_unanswered', 'The file is still being fetched. Try again shortly')
      const file = row?.hash ? await store.open(row.hash) : null
      if (!row || !file) throw new GatewayError('not_found', 'No media stored for this message')
      return {
        stream: Readable.toWeb(file.stream) as ReadableStream<Uint8Array>,
        bytes: file.bytes,
        mimetype: row.mimetype,
        filename: row.filename,
      }
    },
    upload: chunks => store.put(chunks, { maxBytes: limits.outgoingBytes }),
    start() {
      retention.start()
      incoming.restore()
    },
    async [Symbol.asyncDispose]() {
      await incoming[Symbol.asyncDispose]()
      await retention[Symbol.asyncDispose]()
    },
  }
}
