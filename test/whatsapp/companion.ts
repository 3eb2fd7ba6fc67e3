// A linked device, which is what a gateway is to WhatsApp: its published keys, its queue, its connection if it has one.
import type { proto } from 'baileys'
import { type Account, addressOf } from './account.ts'
import type { Connection } from './connection.ts'
import type { KeyBundle, PublicPreKey, SignedPreKey } from './key-bundle.ts'
import { uint } from './nodes.ts'
import type { Peer } from './sim-device.ts'
import { createStanzaQueue, type StanzaQueue } from './stanza-queue.ts'

export interface Companion {
  readonly account: Account
  /** 1 and up; 0 is the phone. */
  readonly id: number
  /** The static key it opens its connections with; nobody else may log in as it. */
  readonly noiseKey: Buffer
  readonly identity: Buffer
  readonly registrationId: number
  readonly queue: StanzaQueue
  readonly preKeys: PublicPreKey[]
  signedPreKey: SignedPreKey
  /** Its own signature over the identity that the phone vouched for. */
  proof: Buffer
  connection: Connection | undefined
  /** While the server holds back what is for it: what is ready to go, oldest first. */
  held: (() => void)[] | undefined
  /** The phone has sent it the keys and the history a new device gets. */
  introduced: boolean
}

/** Reads the keys out of a registration. Throws when one is missing. */
export function createCompanion(
  account: Account,
  registration: proto.ClientPayload.IDevicePairingRegistrationData,
  noiseKey: Buffer,
): Companion {
  const field = (name: 'eIdent' | 'eRegid' | 'eSkeyId' | 'eSkeyVal' | 'eSkeySig') => {
    const value = registration[name]
    if (!value) throw new Error(`the registration lacks ${name}`)
    return Buffer.from(value)
  }
  return {
    account,
    id: account.nextCompanionId++,
    noiseKey,
    identity: field('eIdent'),
    registrationId: uint(field('eRegid')),
    queue: createStanzaQueue(),
    preKeys: [],
    signedPreKey: { id: uint(field('eSkeyId')), key: field('eSkeyVal'), signature: field('eSkeySig') },
    proof: Buffer.alloc(0),
    connection: undefined,
    held: undefined,
    introduced: false,
  }
}

/** Its keys for one stranger; a one-time key is used up. */
export function takeBundle(companion: Companion): KeyBundle {
  const { registrationId, identity, signedPreKey, preKeys } = companion
  return { registrationId, identity, signedPreKey, preKey: preKeys.shift() }
}

/** True while it is connected and has said that it takes stanzas. */
export function isOnline({ connection }: Companion): boolean {
  return connection?.active ?? false
}

/** Its name in the sessions of the simulated phones. */
export function peerOf({ account, id }: Companion): Peer {
  return { user: account.pn, device: id }
}

/** Its address by phone number, or by LID. */
export function companionJid({ account, id }: Companion, by: 'pn' | 'lid' = 'pn'): string {
  return addressOf(account, by, id)
}
