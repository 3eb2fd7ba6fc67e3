// The public keys a device publishes so that others can start a Signal session with it, in their three shapes.
import { type BinaryNode, generateSignalPubKey } from 'baileys'
import type { SessionBuilder } from 'libsignal'
import { bigEndian, bytes, child, node, uint } from './nodes.ts'

export interface PublicPreKey {
  readonly id: number
  readonly key: Uint8Array
}

export interface SignedPreKey extends PublicPreKey {
  readonly signature: Uint8Array
}

export interface KeyBundle {
  readonly registrationId: number
  readonly identity: Uint8Array
  readonly signedPreKey: SignedPreKey
  /** Handed out once each; a device that ran out is reached without. */
  readonly preKey?: PublicPreKey | undefined
}

type SignalBundle = Parameters<SessionBuilder['initOutgoing']>[0]

const KEY_TYPE = Buffer.from([5])

function preKeyNodes({ id, key }: PublicPreKey): BinaryNode[] {
  return [node('id', {}, bigEndian(id, 3)), node('value', {}, key)]
}

/** `<registration>`: travels beside the keys in a retry receipt, among them elsewhere. */
export function registrationNode({ registrationId }: Pick<KeyBundle, 'registrationId'>): BinaryNode {
  return node('registration', {}, bigEndian(registrationId, 4))
}

/** `<type>`, `<identity>`, `<skey>` and, if there is one, `<key>`. */
export function keyNodes({ identity, signedPreKey, preKey }: KeyBundle): BinaryNode[] {
  const signed = [...preKeyNodes(signedPreKey), node('signature', {}, signedPreKey.signature)]
  const keys = [node('type', {}, KEY_TYPE), node('identity', {}, identity), node('skey', {}, signed)]
  return preKey ? [...keys, node('key', {}, preKeyNodes(preKey))] : keys
}

/** Reads a `<key>`. */
export function readPreKey(from: BinaryNode): PublicPreKey {
  return { id: uint(bytes(child(from, 'id'))), key: bytes(child(from, 'value')) }
}

/** Reads a `<skey>`. */
export function readSignedPreKey(from: BinaryNode): SignedPreKey {
  return { ...readPreKey(from), signature: bytes(child(from, 'signature')) }
}

/** The bundle as libsignal takes it, to start a session. */
export function toSignalBundle({ registrationId, identity, signedPreKey, preKey }: KeyBundle): SignalBundle {
  const bundle: Omit<SignalBundle, 'preKey'> & Partial<SignalBundle> = {
    registrationId,
    identityKey: generateSignalPubKey(identity),
    signedPreKey: {
      keyId: signedPreKey.id,
      publicKey: generateSignalPubKey(signedPreKey.key),
      signature: signedPreKey.signature,
    },
    ...(preKey && { preKey: { keyId: preKey.id, publicKey: generateSignalPubKey(preKey.key) } }),
  }
  // libsignal's types ask for the pre-key, its code does not.
  return bundle as SignalBundle
}
