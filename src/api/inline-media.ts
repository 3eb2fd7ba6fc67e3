// Puts the files of listed messages into their answer as base64, the newest first, as long as there is room (REST spec, section
// 3). What does not fit is named, and is served by the route of its message.
import { GatewayError } from '../contract/errors.ts'
import type { IncomingMessage, MessageMedia } from '../contract/message.ts'
import { toBase64 } from './base64.ts'

/** What a list may hold of files unless told, in bytes before base64: OpenWA's figure. */
export const INLINE_BUDGET_BYTES = 8 * 1024 * 1024

/** The file of a message. Rejects with `not_found`. */
export type OpenFile = (of: {
  sessionId: string
  chatId: string
  messageId: string
}) => Promise<{ stream: ReadableStream<Uint8Array>; bytes: number }>

export interface ListedFile {
  sessionId: string
  chatId: string
  waMessageId: string | null
  media: MessageMedia
}

const omitted = ({ data: _, ...media }: MessageMedia): MessageMedia => ({ ...media, omitted: true })

/** The media of each, in the given order, which is that of the budget. `open` is null where files are elsewhere. */
export async function inlineMedia(
  files: readonly ListedFile[],
  { open, budget }: { open: OpenFile | null; budget: number },
): Promise<MessageMedia[]> {
  const shown: MessageMedia[] = []
  let left = budget
  for (const { sessionId, chatId, waMessageId: messageId, media } of files) {
    const isHere = media.archived === true && media.data === undefined && (media.sizeBytes ?? 0) <= left
    const bytes =
      isHere && open && messageId !== null ? await read(open({ sessionId, chatId, messageId }), left) : null
    left -= bytes?.length ?? 0
    const { omitted: _, ...rest } = media
    if (bytes) shown.push({ ...rest, data: toBase64(bytes), sizeBytes: bytes.length })
    else shown.push(media.data === undefined ? omitted(media) : media)
  }
  return shown
}

/** Messages of a chat, the oldest first, with their files. */
export async function withFiles(
  sessionId: string,
  messages: readonly IncomingMessage[],
  from: { open: OpenFile | null; budget: number },
): Promise<IncomingMessage[]> {
  const files = messages
    .flatMap(message =>
      message.media
        ? [{ sessionId, chatId: message.chatId, waMessageId: message.id, media: message.media, message }]
        : [],
    )
    .toReversed()
  const media = await inlineMedia(files, from)
  const shown = new Map(files.map(({ message }, index) => [message, media[index]]))
  return messages.map(message => (shown.has(message) ? { ...message, media: shown.get(message) } : message))
}

/** Null for what is not there any more, or is larger than its row says. */
async function read(opening: ReturnType<OpenFile>, max: number): Promise<Uint8Array | null> {
  try {
    const { stream, bytes } = await opening
    if (bytes <= max) return new Uint8Array(await new Response(stream).arrayBuffer())
    await stream.cancel()
    return null
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'not_found') return null
    throw error
  }
}
