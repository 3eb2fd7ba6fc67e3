// A certificate authority that lives as long as the test, and one certificate for loopback. Node makes keys and signs,
// but writes no X.509, so the few structures that it takes are put together here.
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'

const DAY_MS = 24 * 60 * 60 * 1000

export interface TlsAuthority {
  /** What a client has to trust, as PEM. */
  readonly ca: string
  /** For the server. */
  readonly key: string
  readonly cert: string
}

const TAG = {
  boolean: 1,
  integer: 2,
  bits: 3,
  octets: 4,
  oid: 6,
  utf8: 12,
  sequence: 0x30,
  set: 0x31,
  time: 0x18,
}
/** `[n]`, constructed or not. */
const context = (number: number, constructed = true) => (constructed ? 0xa0 : 0x80) | number

function der(tag: number, ...parts: Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  if (content.length < 0x80) return Buffer.concat([Buffer.from([tag, content.length]), content])
  const length = Buffer.from(content.length.toString(16).padStart(4, '0'), 'hex')
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, content])
}

const sequence = (...parts: Uint8Array[]) => der(TAG.sequence, ...parts)
const oid = (hex: string) => der(TAG.oid, Buffer.from(hex, 'hex'))
const bits = (content: Uint8Array, unused = 0) => der(TAG.bits, Buffer.from([unused]), content)
const yes = der(TAG.boolean, Buffer.from([0xff]))

const ECDSA_WITH_SHA256 = sequence(oid('2a8648ce3d040302'))
const COMMON_NAME = oid('550403')
const BASIC_CONSTRAINTS = oid('551d13')
const KEY_USAGE = oid('551d0f')
const EXTENDED_KEY_USAGE = oid('551d25')
const SUBJECT_ALTERNATIVE_NAME = oid('551d11')
const SERVER_AUTHENTICATION = oid('2b06010505070301')

const name = (common: string) =>
  sequence(der(TAG.set, sequence(COMMON_NAME, der(TAG.utf8, Buffer.from(common)))))

/** `YYYYMMDDHHMMSSZ` */
const time = (at: number) =>
  der(TAG.time, Buffer.from(`${new Date(at).toISOString().replaceAll(/[-:T]/g, '').slice(0, 14)}Z`))

const extension = (id: Uint8Array, critical: boolean, value: Uint8Array) =>
  sequence(id, ...(critical ? [yes] : []), der(TAG.octets, value))

const pem = (certificate: Buffer) =>
  `-----BEGIN CERTIFICATE-----\n${certificate.toString('base64').replaceAll(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`

interface Request {
  readonly subject: string
  readonly subjectKey: KeyObject
  readonly issuer: string
  readonly issuerKey: KeyObject
  readonly extensions: Buffer[]
}

function certify({ subject, subjectKey, issuer, issuerKey, extensions }: Request): Buffer {
  const now = Date.now()
  const body = sequence(
    der(context(0), der(TAG.integer, Buffer.from([2]))),
    // Positive: the first bit is clear.
    der(TAG.integer, Buffer.from([1]), randomBytes(8)),
    ECDSA_WITH_SHA256,
    name(issuer),
    sequence(time(now - DAY_MS), time(now + DAY_MS)),
    name(subject),
    subjectKey.export({ type: 'spki', format: 'der' }),
    der(context(3), sequence(...extensions)),
  )
  return sequence(body, ECDSA_WITH_SHA256, bits(sign('sha256', body, issuerKey)))
}

/** Makes keys and certificates, valid for a day. */
export function createTlsAuthority(): TlsAuthority {
  const root = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const leaf = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const issuer = 'WhatsApp emulator'
  const ca = certify({
    subject: issuer,
    subjectKey: root.publicKey,
    issuer,
    issuerKey: root.privateKey,
    extensions: [
      extension(BASIC_CONSTRAINTS, true, sequence(yes)),
      // keyCertSign
      extension(KEY_USAGE, true, bits(Buffer.from([0x04]), 2)),
    ],
  })
  const cert = certify({
    subject: 'localhost',
    subjectKey: leaf.publicKey,
    issuer,
    issuerKey: root.privateKey,
    extensions: [
      extension(EXTENDED_KEY_USAGE, false, sequence(SERVER_AUTHENTICATION)),
      extension(
        SUBJECT_ALTERNATIVE_NAME,
        false,
        sequence(
          der(context(2, false), Buffer.from('localhost')),
          der(context(7, false), Buffer.from([127, 0, 0, 1])),
        ),
      ),
    ],
  })
  return {
    ca: pem(ca),
    key: leaf.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: pem(cert),
  }
}
