// Puts the file of a message into the data of its event when that is delivered: the log keeps events without their files, and
// a delivery waits a little for one that is still on its way.
import type { MessageMedia } from '../../src/contract/message.ts'
import type { Db } from '../../src/db/db.ts'
import { findMediaByWaId } from '../../src/db/message-media.ts'
import { toJson, withoutLargeMedia } from '../../src/webhooks/envelope.ts'
import type { IncomingFiles } from './incoming-files.ts'

/** The data of an event as JSON, with its file where it has one that is small enough. */
export type WithFile = (of: { event: string; sessionId: string; data: string }) => Promise<string>

const messages: ReadonlySet<string> = new Set(['message.received', 'message.sent'])

interface Data {
  id: string
  chatId: string
  media?: MessageMedia
}

export function createEventFiles(deps: {
  db: Db
  incoming: Pick<IncomingFiles, 'ready'>
  /** OpenWA's `WEBHOOK_MEDIA_INLINE_MAX_BYTES`; 0 for none. */
  maxBytes: number
}): WithFile {
  const { db, incoming, maxBytes } = deps
  return async ({ event, sessionId, data }) => {
    // Most events have no file, and need not be parsed to know it.
    if (maxBytes === 0 || !messages.has(event) || !data.includes('"media":{')) return data
    const parsed = JSON.parse(data) as Data
    const { id: waMessageId, chatId, media } = parsed
    if (media === undefined || media.data !== undefined) return data
    const found = await findMediaByWaId(db, { sessionId, chatId, waMessageId })
    if (found === null) return data
    return toJson(
      withoutLargeMedia({ ...parsed, media: await incoming.ready(found.messageId, media) }, maxBytes),
    )
  }
}
