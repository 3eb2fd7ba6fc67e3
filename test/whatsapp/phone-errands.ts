// What a linked device asks of the phone of its account: older history, a message it could not read, a file that is gone.
import { type BinaryNode, proto } from 'baileys'
import { addressOf, type Directory } from './account.ts'
import type { Companion } from './companion.ts'
import type { History } from './history.ts'
import type { Entry, Ledger } from './ledger.ts'
import { fileIn } from './media.ts'
import type { MediaHost } from './media-host.ts'
import { openRetryNote, sealRetryNote } from './media-seal.ts'
import { bytes, child, node, seconds } from './nodes.ts'
import type { PeerMessages } from './peer-messages.ts'
import type { Post } from './post.ts'

export interface PhoneErrands {
  /** Does what a message to the phone asks for; `id` is of that message. */
  run(from: Companion, id: string, message: proto.IMessage): Promise<void>
  /** Puts a file on the media host again, or says why not. */
  uploadAgain(from: Companion, receipt: BinaryNode): void
}

interface Deps {
  readonly directory: Directory
  readonly history: History
  readonly ledger: Ledger
  readonly mediaHost: Pick<MediaHost, 'read' | 'store'>
  readonly peers: PeerMessages
  readonly post: Post
  surprise(what: string): void
}

type Request = proto.Message.IPeerDataOperationRequestMessage

const { PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE } = proto.Message.ProtocolMessage.Type
const { HISTORY_SYNC_ON_DEMAND, PLACEHOLDER_MESSAGE_RESEND } = proto.Message.PeerDataOperationRequestType
const { SUCCESS, DECRYPTION_ERROR, NOT_FOUND } = proto.MediaRetryNotification.ResultType

/** Makes the one who runs the errands of all phones. */
export function createPhoneErrands(deps: Deps): PhoneErrands {
  const { directory, history, ledger, mediaHost, peers, post, surprise } = deps

  function find(id: string | null | undefined): Entry | undefined {
    try {
      return ledger.find(id ?? '')
    } catch {
      // A phone that does not know a message answers so.
      return undefined
    }
  }

  const errands: Readonly<Record<number, (from: Companion, id: string, asked: Request) => Promise<void>>> = {
    async [HISTORY_SYNC_ON_DEMAND](from, id, { historySyncOnDemandRequest }) {
      await history.more(from, id, historySyncOnDemandRequest ?? {})
    },
    async [PLACEHOLDER_MESSAGE_RESEND](from, stanzaId, { placeholderMessageResendRequest }) {
      const peerDataOperationResult = (placeholderMessageResendRequest ?? []).flatMap(
        ({ messageKey: key }) => {
          const entry = find(key?.id)
          if (!key || !entry) return []
          const found = {
            key,
            message: entry.message,
            messageTimestamp: seconds(),
            pushName: entry.author.name,
          }
          const webMessageInfoBytes = proto.WebMessageInfo.encode(found).finish()
          return [{ placeholderMessageResendResponse: { webMessageInfoBytes } }]
        },
      )
      await peers.tell(from, {
        type: PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE,
        peerDataOperationRequestResponseMessage: {
          stanzaId,
          peerDataOperationRequestType: PLACEHOLDER_MESSAGE_RESEND,
          peerDataOperationResult,
        },
      })
    },
  }

  /** The part of the answer that tells where the file now lies, or the reason why nowhere. */
  function reupload(account: Companion['account'], id: string, receipt: BinaryNode): BinaryNode {
    const failed = (code: number) => node('error', { code })
    const entry = find(id)
    const { file } = (entry && fileIn(entry.message)) ?? {}
    const stored = mediaHost.read(file?.directPath ?? '')
    if (!file?.mediaKey || !stored || account.lostFiles.has(id)) return failed(NOT_FOUND)
    const asked = child(receipt, 'encrypt')
    try {
      openRetryNote(bytes(child(asked, 'enc_p')), bytes(child(asked, 'enc_iv')), file.mediaKey, id)
    } catch {
      return failed(DECRYPTION_ERROR)
    }
    const directPath = mediaHost.store(stored)
    const note = proto.MediaRetryNotification.encode({ stanzaId: id, directPath, result: SUCCESS }).finish()
    const { iv, sealed } = sealRetryNote(note, file.mediaKey, id)
    return node('encrypt', {}, [node('enc_p', {}, sealed), node('enc_iv', {}, iv)])
  }

  return {
    async run(from, id, { protocolMessage }) {
      const asked = protocolMessage?.peerDataOperationRequestMessage
      const errand = errands[asked?.peerDataOperationRequestType ?? -1]
      if (!asked || !errand) return surprise(`${from.account.name}'s phone was asked for what it cannot do`)
      await errand(from, id, asked)
    },
    uploadAgain(from, receipt) {
      const { account } = from
      const { id = '' } = receipt.attrs
      const { jid, from_me, participant } = child(receipt, 'rmr')?.attrs ?? {}
      // The chat the client names, and the person whose it is, have to exist.
      if (jid?.endsWith('.net') && !directory.find(jid)) surprise(`a file of ${jid}, which does not exist`)
      const attrs = { from: addressOf(account, 'pn'), type: 'mediaretry', id, t: seconds() }
      const rmr = node('rmr', { jid, from_me, participant })
      post.deliver(from, node('notification', attrs, [reupload(account, id, receipt), rmr]))
    },
  }
}
