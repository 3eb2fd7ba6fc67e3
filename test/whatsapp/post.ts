// Everything that goes to a linked device and must arrive: messages of phones, receipts, and sending them again.
import type { BinaryNode, proto } from 'baileys'
import { createTurns } from '../../engine-node/sessions/turns.ts'
import { type Account, addressOf, simulatedDevice } from './account.ts'
import { type Companion, isOnline, peerOf, takeBundle } from './companion.ts'
import { kindOf } from './message-kind.ts'
import { child, node, seconds } from './nodes.ts'
import type { SimDevice } from './sim-device.ts'

/** How many sent messages a phone can send again on request. */
const MEMORY = 5_000
/** A byte of the ciphertext's end: in the authentication code, so that it spoils one message and no session. */
const SPOILED_BYTE_FROM_END = 4

/** A message from a simulated device to a linked one, before encryption. */
export interface Letter {
  readonly sender: Account
  /** Which device of the sender writes; the phone unless told. */
  readonly device?: number
  readonly message: proto.IMessage
  /** Of the stanza. `from`, `participant` and `id` are what a request to send again names it by. */
  readonly attrs: Record<string, string | undefined> & { readonly from: string; readonly id: string }
}

export interface Receipt {
  readonly by: Account
  /** The chat as the sender of the message addressed it. */
  readonly addressing: 'pn' | 'lid'
  /** Which device of the recipient says so; the phone unless told. */
  readonly device?: number
  /** The group or list that the message was sent to. */
  readonly group?: string | undefined
  readonly id: string
  readonly type?: 'read' | 'played' | 'retry'
  readonly content?: BinaryNode[]
}

export type Spoiled = boolean | 'always'

export interface SealOptions {
  /** Sent so that it cannot be decrypted; `always` spoils it each time that it is sent again, too. */
  readonly spoiled?: Spoiled | undefined
  /** Not sent at all: the device is told that there is a message of this type. */
  readonly withheld?: string | undefined
}

export interface Post {
  /** Queues a stanza until the device acknowledges it, and sends it now if it can. */
  deliver(to: Companion, stanza: BinaryNode, options?: { afterRetry?: boolean }): void
  /** Encrypts a letter for one device and delivers it. */
  send(to: Companion, letter: Letter, options?: SealOptions): Promise<void>
  /** Encrypts a letter once for all devices of a group, which `from` names; who lacks the key to it gets it too. */
  sendToGroup(to: Iterable<Companion>, letter: Letter, options?: SealOptions): Promise<void>
  /** Answers the retry receipt of a device: encrypts the letter anew on a fresh session. */
  sendAgain(to: Companion, retry: BinaryNode): Promise<void>
  receipt(to: Companion, receipt: Receipt): void
}

interface Sent {
  readonly letter: Letter
  readonly group: boolean
  readonly spoiled: Spoiled
}

const keyOf = (chat: string | undefined, { id, participant }: Record<string, string | undefined>) =>
  `${chat} ${participant ?? ''} ${id}`

function spoil(body: Buffer): Buffer {
  const copy = Buffer.from(body)
  copy[copy.length - SPOILED_BYTE_FROM_END]! ^= 0xff
  return copy
}

/** Makes the post office. */
export function createPost({ surprise }: { surprise(what: string): void }): Post {
  const sent = new Map<string, Sent>()
  const turns = new WeakMap<SimDevice, ReturnType<typeof createTurns>>()

  /** A device writes to groups one message after the other: none overtakes the one that brings the key to it. */
  function turnsOf(device: SimDevice) {
    const known = turns.get(device) ?? createTurns()
    turns.set(device, known)
    return known
  }

  function remember({ letter, group, spoiled }: Sent): void {
    sent.set(keyOf(letter.attrs.from, letter.attrs), { letter, group, spoiled })
    if (sent.size > MEMORY) sent.delete(sent.keys().next().value ?? '')
  }

  function deviceOf({ sender, device = 0 }: Letter): SimDevice {
    const found = simulatedDevice(sender, device)
    if (!found) throw new Error(`${sender.name} has no device ${device}`)
    return found
  }

  async function encrypt(to: Companion, letter: Letter, message: proto.IMessage, spoiled = false) {
    const { type, body } = await deviceOf(letter).encrypt(peerOf(to), message, () => takeBundle(to))
    return { type, body: spoiled ? spoil(body) : body }
  }

  const enc = ({ message }: Letter, attrs: { type: string; count?: string | undefined }, body: Buffer) =>
    node('enc', { v: 2, ...attrs, mediatype: kindOf(message).mediatype }, body)

  function toStanza({ attrs, message }: Letter, content: BinaryNode[]): BinaryNode {
    const { type, edit } = kindOf(message)
    return node('message', { type, edit, ...attrs, t: attrs.t ?? seconds() }, content)
  }

  async function sealForGroup(to: Iterable<Companion>, letter: Letter, spoiled: boolean): Promise<void> {
    const { senderKeys } = deviceOf(letter)
    const group = letter.attrs.from
    // First: the key that is given out must be the one before this message moves it on.
    const senderKeyDistributionMessage = await senderKeys.distribution(group)
    const body = await senderKeys.encrypt(group, letter.message)
    const sealed = enc(letter, { type: 'skmsg' }, spoiled ? spoil(body) : body)
    const readers = senderKeys.readers(group)
    for (const device of to) {
      const name = `${device.account.pn}:${device.id}`
      if (readers.has(name)) {
        post.deliver(device, toStanza(letter, [sealed]))
        continue
      }
      readers.add(name)
      const key = await encrypt(device, letter, { senderKeyDistributionMessage })
      post.deliver(device, toStanza(letter, [enc(letter, { type: key.type }, key.body), sealed]))
    }
  }

  const post: Post = {
    deliver(to, stanza, options) {
      to.queue.add(stanza, options)
      if (!isOnline(to) || !to.connection) return
      if (to.held) to.held.push(to.connection.prepare(stanza))
      else to.connection.send(stanza)
    },
    async send(to, letter, { spoiled = false, withheld } = {}) {
      remember({ letter, group: false, spoiled })
      if (withheld !== undefined) {
        return post.deliver(to, toStanza(letter, [node('unavailable', { type: withheld })]))
      }
      const { type, body } = await encrypt(to, letter, letter.message, spoiled !== false)
      post.deliver(to, toStanza(letter, [enc(letter, { type }, body)]))
    },
    sendToGroup(to, letter, { spoiled = false } = {}) {
      remember({ letter, group: true, spoiled })
      return turnsOf(deviceOf(letter))(() => sealForGroup(to, letter, spoiled !== false))
    },
    async sendAgain(to, retry) {
      const { id, to: chat } = retry.attrs
      const found = sent.get(keyOf(chat, retry.attrs))
      if (!found) return surprise(`asked to send ${id} again, which nobody sent`)
      const { letter, group, spoiled } = found
      const device = deviceOf(letter)
      await device.renew(peerOf(to), takeBundle(to))
      const key = group && {
        senderKeyDistributionMessage: await device.senderKeys.distribution(letter.attrs.from),
      }
      const { type, body } = await encrypt(to, letter, { ...letter.message, ...key }, spoiled === 'always')
      const count = child(retry, 'retry')?.attrs.count
      post.deliver(to, toStanza(letter, [enc(letter, { type, count }, body)]), { afterRetry: true })
    },
    receipt(to, { by, device, addressing, group, id, type, content }) {
      const address = addressOf(by, addressing, device)
      const who = group === undefined ? { from: address } : { from: group, participant: address }
      post.deliver(to, node('receipt', { ...who, id, type, t: seconds() }, content))
    },
  }
  return post
}
