// From what a client wants to send to what goes over the socket, and back from a stored protobuf. Pure but for the id, which
// is Baileys' to make.
import { generateMessageIDV2, generateWAMessageFromContent, proto, type WAMessage } from 'baileys'
import { toJid } from './jid.ts'
import { type OutgoingContent, toContent } from './outgoing-content.ts'

export interface OutgoingMessage {
  /** Neutral id. */
  chatId: string
  content: OutgoingContent
  /** Neutral ids. */
  mentions?: readonly string[] | undefined
  /** Protobuf of the quoted message, as its row has it. */
  quoted?: Uint8Array | undefined
  /** Seconds after which it disappears, where the chat says so. */
  expiration?: number | undefined
}

/** A message that has its id and its bytes, and has not left: what is stored is what goes out, also on a second try. */
export interface ComposedMessage {
  waMessageId: string
  /** Seconds. */
  timestamp: number
  proto: Uint8Array
}

/** Composes a message. Nothing is fetched for it. `meJid` is the account as Baileys writes it. */
export function compose(input: OutgoingMessage, by: { meJid: string; now: number }): ComposedMessage {
  const quoted = input.quoted && readProto(input.quoted)
  const info = generateWAMessageFromContent(toJid(input.chatId), toContent(input.content, input.mentions), {
    userJid: by.meJid,
    timestamp: new Date(by.now),
    messageId: generateMessageIDV2(by.meJid),
    ...(quoted && { quoted }),
    ...(input.expiration && !isChange(input.content) && { ephemeralExpiration: input.expiration }),
  })
  const { id, remoteJid } = info.key
  if (!id || !remoteJid) throw new TypeError('Baileys composed a message without an id')
  return {
    waMessageId: id,
    timestamp: Math.floor(by.now / 1000),
    proto: proto.WebMessageInfo.encode(
      proto.WebMessageInfo.create({ key: { remoteJid, fromMe: true, id }, message: info.message ?? null }),
    ).finish(),
  }
}

/** These go with the message that they change. */
const isChange = ({ kind }: OutgoingContent) =>
  kind === 'reaction' || kind === 'edit' || kind === 'revoke' || kind === 'pin'

/** A stored protobuf as Baileys takes it, to relay or to quote. */
export function readProto(bytes: Uint8Array): WAMessage {
  const { key, message } = proto.WebMessageInfo.decode(bytes)
  return { key: key ?? {}, message: message ?? null }
}
