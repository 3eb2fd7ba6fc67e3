// A simulated device's Signal identity: its keys, its sessions, encryption and decryption. Knows no stanzas and no accounts.
import { randomBytes } from 'node:crypto'
import {
  Curve,
  generateRegistrationId,
  generateSignalPubKey,
  type KeyPair,
  proto,
  signedKeyPair,
  unpadRandomMax16,
  writeRandomPadMax16,
} from 'baileys'
import { ProtocolAddress, SessionBuilder, SessionCipher } from 'libsignal'
import type { KeyBundle } from './key-bundle.ts'
import { toSignalBundle } from './key-bundle.ts'
import { createSenderKeys, type SenderKeys } from './sender-keys.ts'
import { createSimSessions, type SessionShelf } from './sim-sessions.ts'

/** A device on the other side: always the phone number of its account, however a stanza addressed it. */
export interface Peer {
  readonly user: string
  readonly device: number
}

/** `skmsg` is for a whole group. */
export type Encryption = 'pkmsg' | 'msg' | 'skmsg'

export interface Ciphertext {
  readonly type: 'pkmsg' | 'msg'
  readonly body: Buffer
}

export interface SimDevice {
  readonly registrationId: number
  readonly identity: KeyPair
  /** For groups. */
  readonly senderKeys: SenderKeys
  /** Publishes the keys for one stranger, with a one-time key never given before. */
  takeBundle(): KeyBundle
  /** Encrypts; `takeBundle` is asked for the peer's keys when there is no session yet. */
  encrypt(to: Peer, message: proto.IMessage, takeBundle: () => KeyBundle): Promise<Ciphertext>
  /** Decrypts, or throws as a phone that lacks the session would. */
  decrypt(from: Peer, type: string, body: Uint8Array): Promise<proto.Message>
  /** Opens another session with these keys. What the peer still sends on the old one can be read. */
  renew(peer: Peer, bundle: KeyBundle): Promise<void>
  /** Loses the sessions: what the peer still sends on them cannot be read. */
  forget(peer: Peer): void
}

const asSignalPair = (pair: KeyPair) => ({
  privKey: Buffer.from(pair.private),
  pubKey: Buffer.from(pair.public),
})

/** Makes a device with fresh keys. */
export function createSimDevice(): SimDevice {
  const identity = Curve.generateKeyPair()
  const registrationId = generateRegistrationId() || 1
  const signed = signedKeyPair(identity, 1)
  const preKeys = new Map<number, KeyPair>()
  const sessions = createSimSessions()
  let nextPreKeyId = 1
  // libsignal serialises its work in one process-wide map keyed by address. A name of its own keeps this device
  // out of the queues of the client under test, which often runs in the same process.
  const prefix = `sim${randomBytes(6).toString('hex')}`
  const addressOf = ({ user, device }: Peer) => new ProtocolAddress(`${prefix}_${user}`, device)

  const storage = {
    ...sessions,
    isTrustedIdentity: () => true,
    loadPreKey: async (id: number | string) => {
      const pair = preKeys.get(Number(id))
      return pair && asSignalPair(pair)
    },
    removePreKey: (id: number) => void preKeys.delete(Number(id)),
    loadSignedPreKey: () => asSignalPair(signed.keyPair),
    getOurRegistrationId: () => registrationId,
    getOurIdentity: () => ({
      privKey: Buffer.from(identity.private),
      pubKey: Buffer.from(generateSignalPubKey(identity.public)),
    }),
  }

  const renew = (peer: Peer, bundle: KeyBundle) =>
    new SessionBuilder(storage, addressOf(peer)).initOutgoing(toSignalBundle(bundle))

  /** With each session until one reads it. */
  async function decryptWithAny(from: Peer, body: Buffer): Promise<Buffer> {
    let failure: unknown = new Error('there is no session')
    for (const shelf of sessions.each(addressOf(from).toString())) {
      try {
        return await cipherOn(shelf, from).decryptWhisperMessage(body)
      } catch (error) {
        failure = error
      }
    }
    throw failure
  }

  const cipherOn = (shelf: SessionShelf, peer: Peer) =>
    new SessionCipher({ ...storage, ...shelf }, addressOf(peer))

  return {
    registrationId,
    identity,
    senderKeys: createSenderKeys(prefix),
    takeBundle() {
      const preKey = Curve.generateKeyPair()
      const id = nextPreKeyId++
      preKeys.set(id, preKey)
      return {
        registrationId,
        identity: identity.public,
        signedPreKey: { id: signed.keyId, key: signed.keyPair.public, signature: signed.signature },
        preKey: { id, key: preKey.public },
      }
    },
    async encrypt(to, message, takeBundle) {
      if (!sessions.hasOpen(addressOf(to).toString())) await renew(to, takeBundle())
      const padded = writeRandomPadMax16(proto.Message.encode(message).finish())
      const { type, body } = await cipherOn(sessions, to).encrypt(padded)
      return { type: type === 3 ? 'pkmsg' : 'msg', body: Buffer.from(body, 'binary') }
    },
    async decrypt(from, type, body) {
      const padded =
        type === 'pkmsg'
          ? await cipherOn(sessions, from).decryptPreKeyWhisperMessage(Buffer.from(body))
          : await decryptWithAny(from, Buffer.from(body))
      return proto.Message.decode(unpadRandomMax16(padded))
    },
    renew,
    forget: peer => sessions.forget(addressOf(peer).toString()),
  }
}
