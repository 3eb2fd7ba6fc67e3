// What linked devices send: acknowledges it and brings each ciphertext to the phone or device it was made for.
import type { BinaryNode } from 'baileys'
import type { Account, Directory } from './account.ts'
import { type Companion, companionJid, peerOf } from './companion.ts'
import type { Connection } from './connection.ts'
import type { Faults } from './faults.ts'
import { readQuoted, readText } from './inbox.ts'
import { keyNodes, registrationNode } from './key-bundle.ts'
import { bytes, child, children, isLid, node, readJid, seconds } from './nodes.ts'
import type { Post, Receipt } from './post.ts'
import type { Encryption } from './sim-device.ts'
import type { Timers } from './timers.ts'

/** How often a phone asks for one message again before it gives up. */
const RETRIES = 3

interface Deps {
  readonly directory: Directory
  readonly faults: Faults
  readonly post: Post
  readonly timers: Timers
  /** How long after its arrival a message is reported as delivered or read. */
  readonly receiptDelayMs: number
  surprise(what: string): void
}

export interface Relay {
  onMessage(connection: Connection, sender: Companion, stanza: BinaryNode): Promise<void>
}

interface Parcel {
  readonly address: string
  readonly enc: BinaryNode
}

/** The ciphertexts of a message with the device each is for. */
function parcelsOf(message: BinaryNode): Parcel[] {
  const addressed = children(child(message, 'participants'), 'to').flatMap(to =>
    children(to, 'enc').map(enc => ({ address: to.attrs.jid ?? '', enc })),
  )
  // Without a list of devices it is for the one that the stanza itself names.
  const address = message.attrs.participant ?? message.attrs.to ?? ''
  return [...addressed, ...children(message, 'enc').map(enc => ({ address, enc }))]
}

/** Makes the relay. */
export function createRelay({ directory, faults, post, timers, receiptDelayMs, surprise }: Deps): Relay {
  const timesAsked = new Map<string, number>()

  function askAgain(by: Account, sender: Companion, { attrs }: BinaryNode): void {
    const id = attrs.id ?? ''
    const key = `${by.pn} ${id}`
    const count = (timesAsked.get(key) ?? 0) + 1
    timesAsked.set(key, count)
    if (count > RETRIES) {
      surprise(`${by.name} gave up on ${id}, which could not be decrypted`)
      return
    }
    const bundle = by.device.takeBundle()
    // The first time the sender is expected to fetch new keys itself, after that they come along.
    const keys = count > 1 ? [node('keys', {}, keyNodes(bundle))] : []
    const retry = node('retry', { count, id, t: seconds(), v: 1 })
    const content = [retry, registrationNode(bundle), ...keys]
    post.receipt(sender, { by, addressing: addressing(attrs.to), id, type: 'retry', content })
  }

  const addressing = (address: string | undefined): Receipt['addressing'] => (isLid(address) ? 'lid' : 'pn')

  function report(by: Account, sender: Companion, { attrs }: BinaryNode): void {
    const receipt = { by, addressing: addressing(attrs.to), id: attrs.id ?? '' }
    if (by.receipts === 'none') return
    timers.after(receiptDelayMs, () => {
      post.receipt(sender, receipt)
      if (by.receipts === 'read') post.receipt(sender, { ...receipt, type: 'read' })
    })
  }

  async function reachPhone(
    owner: Account,
    sender: Companion,
    stanza: BinaryNode,
    enc: BinaryNode,
  ): Promise<void> {
    const type = enc.attrs.type ?? ''
    const plain = await owner.device.decrypt(peerOf(sender), type, bytes(enc)).catch(() => undefined)
    if (!plain) return askAgain(owner, sender, stanza)
    // What is mirrored to the sender's own phone comes wrapped.
    const message = plain.deviceSentMessage?.message ?? plain
    const quoted = readQuoted(message)
    const { id = '', to = '', category } = stanza.attrs
    if (category === 'peer') return surprise(`${owner.name}'s phone was asked for something it cannot do yet`)
    owner.inbox.add({
      id,
      text: readText(message),
      ...(quoted && { quoted }),
      from: sender.account.pn,
      device: sender.id,
      to,
      encryption: type as Encryption,
      message,
    })
    if (owner !== sender.account) report(owner, sender, stanza)
  }

  function reachCompanion(target: Companion, sender: Companion, stanza: BinaryNode, enc: BinaryNode): void {
    const { id, to, type } = stanza.attrs
    const by = addressing(to)
    const attrs = {
      from: companionJid(sender, by),
      [by === 'lid' ? 'sender_pn' : 'sender_lid']: companionJid(sender, by === 'lid' ? 'pn' : 'lid'),
      recipient: target.account === sender.account ? to : undefined,
      id,
      type,
      t: seconds(),
      notify: sender.account.name,
    }
    const proof = enc.attrs.type === 'pkmsg' ? children(stanza, 'device-identity') : []
    post.deliver(target, node('message', attrs, [enc, ...proof]))
  }

  return {
    async onMessage(connection, sender, stanza) {
      const { id, to } = stanza.attrs
      const fate = faults.fates.shift() ?? { kind: 'accept' }
      const error = fate.kind === 'nack' ? fate.code : undefined
      if (fate.kind !== 'lose-ack') {
        connection.send(node('ack', { class: 'message', id, from: to, t: seconds(), error }))
      }
      if (fate.kind === 'nack') return
      for (const { address, enc } of parcelsOf(stanza)) {
        const owner = directory.find(address)
        const device = readJid(address)?.device
        const target = device === undefined ? undefined : owner?.companions.get(device)
        if (owner && device === 0) await reachPhone(owner, sender, stanza, enc)
        else if (target) reachCompanion(target, sender, stanza, enc)
        else surprise(`a message for ${address}, which does not exist`)
      }
    },
  }
}
