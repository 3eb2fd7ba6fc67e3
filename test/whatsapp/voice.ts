// What anybody can do to a message that was written: react to it, edit it, take it back, vote. For contacts and phones.
import { createCipheriv, createHash, createHmac, randomBytes } from 'node:crypto'
import { proto } from 'baileys'
import { type Account, addressOf, type Person } from './account.ts'
import { type Content, compose, type Dressing } from './drafts.ts'
import type { Groups } from './group-state.ts'
import type { Entry, Ledger } from './ledger.ts'
import type { Media } from './media.ts'
import { unwrap } from './message-kind.ts'
import { isGroup, type Outgoing, type SendOptions } from './outgoing.ts'

export interface WriteOptions extends SendOptions, Dressing {}

interface Sent {
  readonly id: string
}

export interface Voice {
  /** Sends a text, a file, a poll, or any message, to a person or a group. Resolves when it is on its way. */
  write(content: Content, options: WriteOptions): Promise<Sent>
  /** Posts a status that these people see. */
  posts(content: Content, options: { readonly to: readonly Person[] }): Promise<Sent>
  /** An empty string takes the reaction back. */
  reacts(id: string, emoji: string): Promise<Sent>
  edits(id: string, text: string): Promise<Sent>
  /** Deletes a message for everyone; an admin may do so with the messages of others. */
  revokes(id: string): Promise<Sent>
  /** Replaces the person's vote; no options take it back. */
  votes(pollId: string, ...options: string[]): Promise<Sent>
}

interface Deps {
  readonly account: Account
  readonly groups: Groups
  readonly ledger: Ledger
  readonly media: Media
  readonly outgoing: Outgoing
}

const { REVOKE, MESSAGE_EDIT } = proto.Message.ProtocolMessage.Type

const hmac = (key: Uint8Array, data: Uint8Array) => createHmac('sha256', key).update(data).digest()

interface Ballot {
  readonly secret: Uint8Array
  readonly pollId: string
  readonly creator: string
  readonly voter: string
}

/** Encrypts a vote, so that only who can read the poll can count it. */
export function sealVote({ secret, pollId, creator, voter }: Ballot, options: readonly string[]) {
  const context = Buffer.concat([Buffer.from(`${pollId}${creator}${voter}Poll Vote`), Buffer.from([1])])
  const key = hmac(hmac(Buffer.alloc(32), secret), context)
  const selectedOptions = options.map(option => createHash('sha256').update(option).digest())
  const vote = proto.Message.PollVoteMessage.encode({ selectedOptions }).finish()
  const encIv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, encIv).setAAD(Buffer.from(`${pollId}\0${voter}`))
  return { encIv, encPayload: Buffer.concat([cipher.update(vote), cipher.final(), cipher.getAuthTag()]) }
}

/** Gives a person what to say about messages. */
export function createVoice({ account, groups, ledger, media, outgoing }: Deps): Voice {
  /** The chat of a message, as this person sees it. */
  function chatOf({ author, chat }: Entry): Person | { readonly jid: string } {
    if (isGroup(chat)) return { jid: chat.jid }
    return author === account ? chat : author
  }

  function keyOf(entry: Entry): proto.IMessageKey {
    const { id, author, addressing } = entry
    const chat = chatOf(entry)
    const fromMe = author === account
    if (isGroup(chat)) return { remoteJid: chat.jid, fromMe, id, participant: addressOf(author, addressing) }
    return { remoteJid: addressOf(chat, addressing), fromMe, id }
  }

  async function about(
    id: string,
    make: (key: proto.IMessageKey, entry: Entry) => proto.IMessage,
  ): Promise<Sent> {
    const entry = ledger.find(id)
    const { addressing } = entry
    return outgoing.send(account, make(keyOf(entry), entry), { to: chatOf(entry), addressing })
  }

  return {
    async write(content, { quote, mentions, ephemeral, ...options }) {
      const by = isGroup(options.to)
        ? (groups.find(options.to.jid)?.mode ?? 'lid')
        : (options.addressing ?? 'pn')
      const dressing = {
        ...(quote && { quote }),
        ...(mentions && { mentions }),
        ...(ephemeral !== undefined && { ephemeral }),
      }
      return outgoing.send(account, compose(content, dressing, by, media), options)
    },
    posts: async (content, { to }) => outgoing.post(account, compose(content, {}, 'pn', media), to),
    reacts: (id, text) =>
      about(id, key => ({ reactionMessage: { key, text, senderTimestampMs: Date.now() } })),
    edits: (id, text) =>
      about(id, key => ({
        protocolMessage: {
          type: MESSAGE_EDIT,
          key,
          editedMessage: { conversation: text },
          timestampMs: Date.now(),
        },
      })),
    revokes: id => about(id, key => ({ protocolMessage: { type: REVOKE, key } })),
    votes: (pollId, ...options) =>
      about(pollId, (pollCreationMessageKey, { author, addressing, message }) => {
        const secret =
          message.messageContextInfo?.messageSecret ?? unwrap(message).messageContextInfo?.messageSecret
        if (!secret) throw new Error(`${pollId} is no poll`)
        const creator = addressOf(author, addressing)
        const vote = sealVote({ secret, pollId, creator, voter: addressOf(account, addressing) }, options)
        return { pollUpdateMessage: { pollCreationMessageKey, vote, senderTimestampMs: Date.now() } }
      }),
  }
}
