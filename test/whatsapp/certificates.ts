// The server's certificate chain: a root that a client trusts, an intermediate, and the leaf of the Noise key.
import { Curve, type KeyPair, proto } from 'baileys'
import { seconds } from './nodes.ts'

const YEAR_SECONDS = 365 * 24 * 60 * 60

export interface Authority {
  /** What a client has to trust. */
  readonly rootKey: Buffer
  /** The server's static Noise key, named by the leaf. */
  readonly noiseKey: KeyPair
  /** The encoded chain, as the handshake carries it. */
  readonly chain: Buffer
}

/** Signs a fresh chain. Slow (the curve is plain JavaScript), so one serves all connections. */
export function createAuthority(): Authority {
  const root = Curve.generateKeyPair()
  const intermediate = Curve.generateKeyPair()
  const noiseKey = Curve.generateKeyPair()
  const certify = (serial: number, issuer: KeyPair, subject: KeyPair) => {
    const details = proto.CertChain.NoiseCertificate.Details.encode({
      serial,
      issuerSerial: serial - 1,
      key: subject.public,
      notBefore: seconds() - YEAR_SECONDS,
      notAfter: seconds() + YEAR_SECONDS,
    }).finish()
    return { details, signature: Curve.sign(issuer.private, details) }
  }
  const chain = proto.CertChain.encode({
    intermediate: certify(1, root, intermediate),
    leaf: certify(2, intermediate, noiseKey),
  }).finish()
  return { rootKey: Buffer.from(root.public), noiseKey, chain: Buffer.from(chain) }
}
