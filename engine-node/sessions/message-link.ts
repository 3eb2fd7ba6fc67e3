// The part of a connection that is about files of messages, and about marks on messages that only this account sees. link.ts
// makes the socket and hands it in.
import type { WASocket } from 'baileys'
import { GatewayError } from '../../src/contract/errors.ts'
import type { Clock } from '../clock.ts'
import type { ReuploadVerdict } from '../media/incoming-files.ts'
import type { Upload } from '../media/outgoing-files.ts'
import { bare } from './incoming-details.ts'
import { mediaOf } from './incoming-media.ts'
import { readProto } from './outgoing.ts'
import { answered, statusCodeOf } from './whatsapp-answer.ts'

/** Of a stored message; protobufs are those of rows. */
export interface MessageLinkVerbs {
  /** Rejects with `transport_failed`: nothing of a message has left then. */
  upload: Upload
  /** Asks the phone to put a file on WhatsApp's host again. */
  reupload(proto: Uint8Array): Promise<ReuploadVerdict>
  star(proto: Uint8Array, starred: boolean): Promise<void>
  /** Takes it away on the devices of this account. `timestamp` in seconds. */
  deleteForMe(proto: Uint8Array, timestamp: number): Promise<void>
}

/** One host of several may be dead, and Baileys tries them in turn. */
const UPLOAD_TIMEOUT_MS = 120_000

/** A phone that is off does not answer at all. */
const REUPLOAD_WITHIN_MS = 30_000

/** What the phone says when it has the file no more, or not this one. */
const LOST: ReadonlySet<number | undefined> = new Set([404, 412])

export function createMessageLink(deps: {
  sock: Pick<WASocket, 'waUploadToServer' | 'refreshMediaConn' | 'updateMediaMessage' | 'chatModify'>
  clock: Pick<Clock, 'after'>
  isClosed: () => boolean
  /** Whether the keys of the settings that devices share have come from the phone. */
  maySync: () => boolean
}): MessageLinkVerbs {
  const { sock, clock, isClosed, maySync } = deps

  function late<T>(work: Promise<T>, ms: number): Promise<T> {
    const { promise, reject } = Promise.withResolvers<never>()
    const undo = clock.after(ms, () => reject(new Error('no answer in time')))
    return Promise.race([work, promise]).finally(undo)
  }

  async function mark(proto: Uint8Array, what: string, modification: (key: Key) => Modification) {
    if (!maySync())
      throw new GatewayError(
        'session_not_ready',
        'The phone has not shared its settings yet. Try again shortly',
      )
    const { key } = readProto(proto)
    await answered(what, sock.chatModify(modification(key), key.remoteJid ?? ''))
  }

  return {
    async upload(path, { kind, encSha256 }) {
      try {
        const { mediaUrl, directPath } = await sock.waUploadToServer(path, {
          mediaType: kind,
          fileEncSha256B64: Buffer.from(encSha256).toString('base64'),
          timeoutMs: UPLOAD_TIMEOUT_MS,
        })
        return { directPath, url: mediaUrl ?? null }
      } catch (cause) {
        if (isClosed())
          throw new GatewayError('session_not_ready', 'The connection ended while the file was uploaded', {
            cause,
            certain: true,
          })
        throw new GatewayError('transport_failed', 'WhatsApp did not take the file', { cause, certain: true })
      }
    },
    async reupload(proto) {
      const message = readProto(proto)
      // The place of a file differs with how its message is wrapped; Baileys looks into the bare one.
      const content = bare(message.message)
      if (!content || mediaOf(content) === null) return { outcome: 'lost', why: 'the message has no file' }
      try {
        // Baileys learns with this which host to name in the answer.
        await sock.refreshMediaConn(false)
        const updated = await late(
          sock.updateMediaMessage({ ...message, message: content }),
          REUPLOAD_WITHIN_MS,
        )
        const found = mediaOf(bare(updated.message) ?? {})
        if (!found?.directPath) return { outcome: 'failed', why: 'the phone did not say where the file is' }
        return { outcome: 'uploaded', directPath: found.directPath, url: found.url }
      } catch (error) {
        const isLost = LOST.has(statusCodeOf(error))
        return isLost
          ? { outcome: 'lost', why: 'the phone has the file no more' }
          : { outcome: 'failed', why: 'the phone did not answer' }
      }
    },
    star: (proto, starred) =>
      mark(proto, 'the star', ({ id, fromMe }) => ({
        star: { messages: [{ id: id ?? '', fromMe: fromMe === true }], star: starred },
      })),
    deleteForMe: (proto, timestamp) =>
      mark(proto, 'the deletion', key => ({ deleteForMe: { deleteMedia: true, key, timestamp } })),
  }
}

type Key = ReturnType<typeof readProto>['key']
type Modification = Parameters<WASocket['chatModify']>[0]
