// What the outside of a message tells about its inside: the few words that stand unencrypted on the stanza.
import { proto } from 'baileys'

const { REVOKE, MESSAGE_EDIT } = proto.Message.ProtocolMessage.Type

export interface MessageKind {
  /** Of the stanza. */
  readonly type: 'text' | 'media' | 'reaction' | 'poll'
  /** Of the ciphertext. */
  readonly mediatype?: string
  /** `1` changes another message, `7` takes one back, `8` does so with that of somebody else. */
  readonly edit?: string
}

/** By the field that a message has; every other is a text. */
const kinds: Partial<Record<keyof proto.IMessage, MessageKind>> = {
  imageMessage: { type: 'media', mediatype: 'image' },
  videoMessage: { type: 'media', mediatype: 'video' },
  audioMessage: { type: 'media', mediatype: 'audio' },
  documentMessage: { type: 'media', mediatype: 'document' },
  stickerMessage: { type: 'media', mediatype: 'sticker' },
  contactMessage: { type: 'media', mediatype: 'vcard' },
  locationMessage: { type: 'media', mediatype: 'location' },
  liveLocationMessage: { type: 'media', mediatype: 'livelocation' },
  reactionMessage: { type: 'reaction' },
  pollCreationMessage: { type: 'poll' },
  pollCreationMessageV3: { type: 'poll' },
  pollUpdateMessage: { type: 'poll' },
}

function editOf({ type, key }: proto.Message.IProtocolMessage): string | undefined {
  if (type === MESSAGE_EDIT) return '1'
  // The default of the field.
  if ((type ?? REVOKE) === REVOKE && key) return key.fromMe === false ? '8' : '7'
  return undefined
}

/** The message inside wrappers such as view-once and disappearing. */
export function unwrap(message: proto.IMessage): proto.IMessage {
  const wrapper =
    message.ephemeralMessage ??
    message.viewOnceMessage ??
    message.viewOnceMessageV2 ??
    message.documentWithCaptionMessage
  return wrapper?.message ? unwrap(wrapper.message) : message
}

/** Reads the kind off a message. */
export function kindOf(message: proto.IMessage): MessageKind {
  const inner = unwrap(message.deviceSentMessage?.message ?? message)
  const name = (Object.keys(kinds) as (keyof proto.IMessage)[]).find(each => inner[each])
  const { protocolMessage } = inner
  const edit = protocolMessage ? editOf(protocolMessage) : undefined
  const kind = (name && kinds[name]) ?? { type: 'text' }
  return edit === undefined ? kind : { ...kind, edit }
}
