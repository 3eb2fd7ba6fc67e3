// Everything that goes to a linked device and must arrive: messages of phones, receipts, and sending them again.
import type { BinaryNode, proto } from 'baileys'
import type { Account } from './account.ts'
import { type Companion, isOnline, peerOf, takeBundle } from './companion.ts'
import { child, node, seconds } from './nodes.ts'

/** How many sent messages a phone can send again on request. */
const MEMORY = 5_000
/** A byte of the ciphertext's end: in the authentication code, so that it spoils one message and no session. */
const SPOILED_BYTE_FROM_END = 4

/** A message from a phone to a linked device, before encryption. */
export interface Letter {
  readonly sender: Account
  readonly message: proto.IMessage
  /** Of the stanza. `from` and `id` are what a request to send again names it by. */
  readonly attrs: Record<string, string | undefined> & { readonly from: string; readonly id: string }
}

export interface Receipt {
  readonly by: Account
  /** The chat as the sender of the message addressed it. */
  readonly addressing: 'pn' | 'lid'
  readonly id: string
  readonly type?: 'read' | 'retry'
  readonly content?: BinaryNode[]
}

export interface Post {
  /** Queues a stanza until the device acknowledges it, and sends it now if it can. */
  deliver(to: Companion, stanza: BinaryNode, options?: { afterRetry?: boolean }): void
  /** Encrypts a letter for one device and delivers it. `spoiled` is sent so that it cannot be decrypted. */
  send(to: Companion, letter: Letter, options?: { spoiled?: boolean }): Promise<void>
  /** Answers the retry receipt of a device: encrypts the letter anew on a fresh session. */
  sendAgain(to: Companion, retry: BinaryNode): Promise<void>
  receipt(to: Companion, receipt: Receipt): void
}

/** Makes the post office. */
export function createPost({ surprise }: { surprise(what: string): void }): Post {
  const sent = new Map<string, Letter>()

  function remember(letter: Letter): void {
    sent.set(`${letter.attrs.from} ${letter.attrs.id}`, letter)
    if (sent.size > MEMORY) sent.delete(sent.keys().next().value ?? '')
  }

  async function encrypt(
    to: Companion,
    { sender, message }: Letter,
  ): Promise<{ type: string; body: Buffer }> {
    return sender.device.encrypt(peerOf(to), message, () => takeBundle(to))
  }

  const toStanza = ({ attrs }: Letter, enc: BinaryNode) => node('message', { ...attrs, t: seconds() }, [enc])

  const post: Post = {
    deliver(to, stanza, options) {
      to.queue.add(stanza, options)
      if (isOnline(to)) to.connection?.send(stanza)
    },
    async send(to, letter, { spoiled = false } = {}) {
      remember(letter)
      const { type, body } = await encrypt(to, letter)
      if (spoiled) body[body.length - SPOILED_BYTE_FROM_END]! ^= 0xff
      post.deliver(to, toStanza(letter, node('enc', { v: 2, type }, body)))
    },
    async sendAgain(to, retry) {
      const letter = sent.get(`${retry.attrs.to} ${retry.attrs.id}`)
      if (!letter) return surprise(`asked to send ${retry.attrs.id} again, which nobody sent`)
      letter.sender.device.forget(peerOf(to))
      const { type, body } = await encrypt(to, letter)
      const count = child(retry, 'retry')?.attrs.count
      post.deliver(to, toStanza(letter, node('enc', { v: 2, type, count }, body)), { afterRetry: true })
    },
    receipt(to, { by, addressing, id, type, content }) {
      const from = addressing === 'lid' ? by.lidJid : by.pnJid
      post.deliver(to, node('receipt', { from, id, type, t: seconds() }, content))
    },
  }
  return post
}
