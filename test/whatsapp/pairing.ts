// Linking a new device: references for the QR, the phone's vouching, and the device's own signature in return.
import { createHmac, randomBytes } from 'node:crypto'
import {
  Curve,
  generateSignalPubKey,
  proto,
  WA_ADV_ACCOUNT_SIG_PREFIX,
  WA_ADV_DEVICE_SIG_PREFIX,
} from 'baileys'
import { verifySignature } from 'libsignal/src/curve.js'
import type { Account } from './account.ts'
import { type Companion, companionJid, createCompanion } from './companion.ts'
import type { Connection } from './connection.ts'
import type { IqTable, UnpairedQuery } from './iq.ts'
import { bytes, child, freshId, node, SERVER, seconds } from './nodes.ts'

/** What the real server gives; each feeds one QR, and when all are used up the client gives up. */
const REFERENCES = 6

interface Attempt {
  readonly companion: Companion
  readonly vouched: { details: Uint8Array; accountSignatureKey: Uint8Array; accountSignature: Uint8Array }
  readonly outcome: PromiseWithResolvers<Companion>
}

export interface Pairing {
  /** Greets a device without an account: sends what it needs to draw its QR codes. */
  begin(connection: Connection): void
  /** What a phone does when its camera sees the QR. Rejects if the QR is stale or the device does not agree. */
  scan(qr: string, account: Account): Promise<Companion>
  /** Makes the device behind a connection one of the account's. Both know the secret, by QR or by code. */
  succeed(connection: Connection, account: Account, secret: Buffer): Promise<Companion>
  /** To be told when a connection is gone: its QR codes are worth nothing then. */
  abandon(connection: Connection): void
  readonly answers: IqTable<UnpairedQuery>
}

/** A stanza in which the server asks the device something. */
const order = (content: Parameters<typeof node>[2]) =>
  node('iq', { from: SERVER, type: 'set', id: freshId(), xmlns: 'md' }, content)

/** The phone's signature over the new device's identity. */
function vouch({ device }: Account, companion: Companion): Attempt['vouched'] {
  const details = proto.ADVDeviceIdentity.encode({
    rawId: device.registrationId,
    timestamp: seconds(),
    keyIndex: companion.id,
    accountType: 0,
    deviceType: 0,
  }).finish()
  const signed = Buffer.concat([WA_ADV_ACCOUNT_SIG_PREFIX, details, companion.identity])
  const accountSignature = Curve.sign(device.identity.private, signed)
  return { details, accountSignatureKey: device.identity.public, accountSignature }
}

function isSignedByDevice({ companion, vouched }: Attempt, proof: Buffer): boolean {
  const { deviceSignature } = proto.ADVSignedDeviceIdentity.decode(proof)
  const { details, accountSignatureKey } = vouched
  const signed = Buffer.concat([WA_ADV_DEVICE_SIG_PREFIX, details, companion.identity, accountSignatureKey])
  // Not Curve.verify of Baileys 7.0.0-rc14, which says yes to every signature.
  return verifySignature(generateSignalPubKey(companion.identity), signed, Buffer.from(deviceSignature ?? []))
}

interface Deps {
  /** Told of every device that was linked. */
  onLinked(companion: Companion): void
}

/** Makes the pairing desk. */
export function createPairing({ onLinked }: Deps): Pairing {
  const drawn = new Map<string, Connection>()
  const attempts = new Map<Connection, Attempt>()

  function finish(connection: Connection, proof: Buffer): void {
    const attempt = attempts.get(connection)
    attempts.delete(connection)
    if (!attempt || !isSignedByDevice(attempt, proof)) {
      attempt?.outcome.reject(new Error('the device did not sign with the identity it registered'))
      connection.end(node('stream:error', { code: 500 }))
      return
    }
    const { companion, outcome } = attempt
    companion.proof = proof
    companion.account.companions.set(companion.id, companion)
    // The device now has an account, and has to connect anew as its linked device.
    connection.end(node('stream:error', { code: 515 }))
    onLinked(companion)
    outcome.resolve(companion)
  }

  const pairing: Pairing = {
    begin(connection) {
      const references = Array.from({ length: REFERENCES }, () => `2@${randomBytes(60).toString('base64')}`)
      for (const reference of references) drawn.set(reference, connection)
      const refs = references.map(reference => node('ref', {}, Buffer.from(reference)))
      connection.send(order([node('pair-device', {}, refs)]))
    },
    async scan(qr, account) {
      const [reference = '', noiseKey = '', , secret = ''] = qr.slice(qr.indexOf('#') + 1).split(',')
      const connection = drawn.get(reference)
      const client = connection?.client
      if (!connection || !client) throw new Error('this QR is unknown or has expired')
      if (!client.noiseKey.equals(Buffer.from(noiseKey, 'base64'))) {
        throw new Error('this QR was drawn by another device than the one that is connected')
      }
      return pairing.succeed(connection, account, Buffer.from(secret, 'base64'))
    },
    async succeed(connection, account, secret) {
      const { client } = connection
      if (!client) throw new Error('the device has not said who it is')
      const companion = createCompanion(account, client.payload.devicePairingData ?? {}, client.noiseKey)
      const vouched = vouch(account, companion)
      const details = proto.ADVSignedDeviceIdentity.encode(vouched).finish()
      const hmac = createHmac('sha256', secret).update(details).digest()
      const identity = proto.ADVSignedDeviceIdentityHMAC.encode({ details, hmac }).finish()
      const outcome = Promise.withResolvers<Companion>()
      attempts.set(connection, { companion, vouched, outcome })
      connection.send(
        order([
          node('pair-success', {}, [
            node('device-identity', {}, identity),
            node('device', { jid: companionJid(companion), lid: companionJid(companion, 'lid') }),
            node('platform', { name: 'android' }),
          ]),
        ]),
      )
      return outcome.promise
    },
    abandon(connection) {
      for (const [reference, owner] of drawn) if (owner === connection) drawn.delete(reference)
      attempts.get(connection)?.outcome.reject(new Error('the device went away in the middle of pairing'))
      attempts.delete(connection)
    },
    answers: {
      'result pair-device-sign': ({ connection, body }) =>
        finish(connection, bytes(child(body, 'device-identity'))),
    },
  }
  return pairing
}
