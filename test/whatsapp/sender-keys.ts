// A device's part in the encryption of groups: its own key per group, and those it learned of others.
import { BufferJSON, proto, unpadRandomMax16, writeRandomPadMax16 } from 'baileys'
import {
  GroupCipher,
  GroupSessionBuilder,
  SenderKeyDistributionMessage,
  SenderKeyName,
  SenderKeyRecord,
} from 'baileys/lib/Signal/Group/index.js'
import { ProtocolAddress } from 'libsignal'
import { createTurns } from '../../engine-node/sessions/turns.ts'
import type { Peer } from './sim-device.ts'

export interface SenderKeys {
  /** What others need to read what this device writes from now on. */
  distribution(group: string): Promise<proto.Message.ISenderKeyDistributionMessage>
  encrypt(group: string, message: proto.IMessage): Promise<Buffer>
  /** Takes what another device has distributed; what it knows of the same key already stays as it is, as on a phone. */
  learn(from: Peer, distribution: proto.Message.ISenderKeyDistributionMessage): Promise<void>
  /** Decrypts, or throws as a phone that was not given the key would. */
  decrypt(group: string, from: Peer, body: Uint8Array): Promise<proto.Message>
  /** The devices that were given the key of this group, by any name the caller gives them. */
  readers(group: string): Set<string>
  /** Takes another key: whoever left the group must not read on. */
  rotate(group: string): void
  /** Loses the key of another device. */
  forget(group: string, from: Peer): void
}

/** Makes the keys of one device; `prefix` sets its names apart from those of others in this process. */
export function createSenderKeys(prefix: string): SenderKeys {
  // As written, since a cipher changes what it was given also where it fails.
  const records = new Map<string, Buffer>()
  const readers = new Map<string, Set<string>>()
  const store = {
    async loadSenderKey(name: SenderKeyName) {
      const record = records.get(name.toString())
      return record ? SenderKeyRecord.deserialize(record) : new SenderKeyRecord()
    },
    async storeSenderKey(name: SenderKeyName, record: SenderKeyRecord) {
      records.set(name.toString(), Buffer.from(JSON.stringify(record.serialize(), BufferJSON.replacer)))
    },
  }
  const builder = new GroupSessionBuilder(store)
  // Two at once would take the same step of a chain.
  const inTurn = createTurns()

  function nameOf(group: string, { user, device }: Peer): SenderKeyName {
    const address = new ProtocolAddress(`${prefix}_${user}`, device)
    return new SenderKeyName(group, {
      id: address.id,
      deviceId: address.deviceId,
      toString: () => `${address}`,
    })
  }
  const ownName = (group: string) => nameOf(group, { user: 'own', device: 0 })

  return {
    distribution: groupId =>
      inTurn(async () => {
        const made = await builder.create(ownName(groupId))
        return { groupId, axolotlSenderKeyDistributionMessage: made.serialize() }
      }),
    encrypt: (group, message) =>
      inTurn(async () => {
        const padded = writeRandomPadMax16(proto.Message.encode(message).finish())
        return Buffer.from(await new GroupCipher(store, ownName(group)).encrypt(padded))
      }),
    learn: (from, { groupId, axolotlSenderKeyDistributionMessage: distributed }) =>
      inTurn(async () => {
        if (!groupId || !distributed) throw new Error('a sender key without a group or without a key')
        const message = new SenderKeyDistributionMessage(null, null, null, null, Buffer.from(distributed))
        const name = nameOf(groupId, from)
        const known = (await store.loadSenderKey(name)).getSenderKeyState(message.getId())
        if (!known?.getSigningKeyPublic().equals(message.getSignatureKey()))
          await builder.process(name, message)
      }),
    decrypt: (group, from, body) =>
      inTurn(async () => {
        const padded = await new GroupCipher(store, nameOf(group, from)).decrypt(Buffer.from(body))
        return proto.Message.decode(unpadRandomMax16(padded))
      }),
    readers(group) {
      const known = readers.get(group) ?? new Set()
      readers.set(group, known)
      return known
    },
    rotate(group) {
      records.delete(ownName(group).toString())
      readers.delete(group)
    },
    forget: (group, from) => void records.delete(nameOf(group, from).toString()),
  }
}
