// What linked devices send: acknowledges it and brings each ciphertext to the device it was made for, simulated or not.
import type { BinaryNode, proto } from 'baileys'
import { type Account, type Directory, simulatedDevice } from './account.ts'
import { type Companion, companionJid, peerOf } from './companion.ts'
import type { Connection } from './connection.ts'
import type { Faults } from './faults.ts'
import { type Groups, participantAttrs } from './group-state.ts'
import { toReceived } from './inbox.ts'
import { keyNodes, registrationNode } from './key-bundle.ts'
import type { Ledger } from './ledger.ts'
import { isForAll, type Mail, parcelsOf, readMail, refusalOf } from './mail.ts'
import { bytes, children, node, seconds } from './nodes.ts'
import type { PhoneErrands } from './phone-errands.ts'
import type { Post } from './post.ts'
import type { Encryption, SimDevice } from './sim-device.ts'
import type { Timers } from './timers.ts'

/** How often a phone asks for one message again before it gives up. */
const RETRIES = 3

interface Deps {
  readonly directory: Directory
  readonly groups: Groups
  readonly ledger: Ledger
  readonly faults: Faults
  readonly post: Post
  readonly errands: PhoneErrands
  readonly timers: Timers
  /** How long after its arrival a message is reported as delivered or read. */
  readonly receiptDelayMs: number
  surprise(what: string): void
}

export interface Relay {
  onMessage(connection: Connection, sender: Companion, stanza: BinaryNode): Promise<void>
}

/** Makes the relay. */
export function createRelay(deps: Deps): Relay {
  const { directory, groups, ledger, faults, post, errands, timers, receiptDelayMs, surprise } = deps
  const timesAsked = new Map<string, number>()

  function askAgain(
    by: Account,
    device: number,
    simulated: SimDevice,
    { sender, id, addressing, list }: Mail,
  ) {
    const key = `${by.pn}:${device} ${id}`
    const count = (timesAsked.get(key) ?? 0) + 1
    timesAsked.set(key, count)
    if (count > RETRIES) {
      surprise(`${by.name} gave up on ${id}, which could not be decrypted`)
      return
    }
    const bundle = simulated.takeBundle()
    // The first time the sender is expected to fetch new keys itself, after that they come along.
    const keys = count > 1 ? [node('keys', {}, keyNodes(bundle))] : []
    const retry = node('retry', { count, id, t: seconds(), v: 1 })
    const content = [retry, registrationNode(bundle), ...keys]
    post.receipt(sender, { by, device, addressing, group: list, id, type: 'retry', content })
  }

  function report(by: Account, { sender, id, addressing, list }: Mail): void {
    const receipt = { by, addressing, group: list, id }
    if (by.receipts === 'none') return
    timers.after(receiptDelayMs, () => {
      post.receipt(sender, receipt)
      if (by.receipts === 'read') post.receipt(sender, { ...receipt, type: 'read' })
    })
  }

  async function open(
    simulated: SimDevice,
    { sender, list = '' }: Mail,
    enc: BinaryNode,
  ): Promise<proto.IMessage> {
    const peer = peerOf(sender)
    const type = enc.attrs.type ?? ''
    const plain = isForAll(enc)
      ? await simulated.senderKeys.decrypt(list, peer, bytes(enc))
      : await simulated.decrypt(peer, type, bytes(enc))
    const { senderKeyDistributionMessage, ...rest } = plain
    if (senderKeyDistributionMessage) await simulated.senderKeys.learn(peer, senderKeyDistributionMessage)
    // What is mirrored to the sender's own devices comes wrapped.
    return plain.deviceSentMessage?.message ?? rest
  }

  async function reachSimulated(
    owner: Account,
    device: number,
    simulated: SimDevice,
    mail: Mail,
    encs: BinaryNode[],
  ) {
    const { sender, stanza, id, to, group } = mail
    let message: proto.IMessage = {}
    try {
      for (const enc of encs) message = { ...message, ...(await open(simulated, mail, enc)) }
    } catch {
      return askAgain(owner, device, simulated, mail)
    }
    if (stanza.attrs.category === 'peer') return errands.run(sender, id, message)
    const encryption = encs.at(-1)?.attrs.type as Encryption
    const from = { from: sender.account.pn, device: sender.id }
    owner.inbox.add(toReceived({ id, ...from, to, group: group?.jid, on: device, encryption, message }))
    if (device === 0) ledger.enter({ id, author: sender.account, ...chatOf(mail), message })
    if (owner !== sender.account && device === 0) report(owner, mail)
  }

  function chatOf({ sender, to, group, addressing }: Mail) {
    return { chat: group ?? directory.find(to) ?? sender.account, addressing }
  }

  function reachCompanion(
    target: Companion,
    { sender, stanza, id, to, group, addressing }: Mail,
    encs: BinaryNode[],
  ) {
    const other = addressing === 'lid' ? 'pn' : 'lid'
    const who = group
      ? { from: to, ...participantAttrs(group, sender.account, sender.id), addressing_mode: group.mode }
      : {
          from: companionJid(sender, addressing),
          [`sender_${other}`]: companionJid(sender, other),
          recipient: target.account === sender.account ? to : undefined,
        }
    const { type, edit } = stanza.attrs
    const attrs = { ...who, id, type, edit, t: seconds(), notify: sender.account.name }
    const proof = encs.some(enc => enc.attrs.type === 'pkmsg') ? children(stanza, 'device-identity') : []
    post.deliver(target, node('message', attrs, [...encs, ...proof]))
  }

  return {
    async onMessage(connection, sender, stanza) {
      const mail = readMail(sender, stanza, groups)
      const fate = faults.fates.shift() ?? { kind: 'accept' }
      const error = fate.kind === 'nack' ? fate.code : refusalOf(mail)
      if (fate.kind !== 'lose-ack') {
        const { id, to: from } = mail
        connection.send(node('ack', { class: 'message', id, from, t: seconds(), error }))
      }
      if (error !== undefined) return
      for (const { address, owner, device, encs } of parcelsOf(mail, directory)) {
        const target = device === undefined ? undefined : owner?.companions.get(device)
        const simulated = owner && device !== undefined ? simulatedDevice(owner, device) : undefined
        if (target) reachCompanion(target, mail, encs)
        else if (owner && device !== undefined && simulated)
          await reachSimulated(owner, device, simulated, mail, encs)
        // A client may not have heard yet that a device was unlinked.
        else if (!owner || device === undefined || device >= owner.nextCompanionId) {
          surprise(`a message for ${address}, which does not exist`)
        }
      }
    },
  }
}
