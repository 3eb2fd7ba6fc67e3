// The server's half of Noise_XX_25519_AESGCM_SHA256: three handshake messages, then sealed frames both ways.
import { createCipheriv, createDecipheriv, createHash, hkdfSync } from 'node:crypto'
import { Curve, NOISE_MODE, proto } from 'baileys'
import type { Authority } from './certificates.ts'
import { createFrameReader, frame } from './frames.ts'

const NOTHING = Buffer.alloc(0)
const TAG_LENGTH = 16

/** Who opened the connection: its static key names the device, its payload says what it wants. */
export interface Client {
  readonly noiseKey: Buffer
  readonly payload: proto.ClientPayload
}

/** What bytes from the socket lead to. */
export type NoiseEvent =
  | { kind: 'answer'; bytes: Buffer }
  | { kind: 'client'; client: Client }
  | { kind: 'stanza'; bytes: Buffer }

export interface NoiseResponder {
  /** Takes bytes off the socket. Throws when they are forged or out of place. */
  receive(chunk: Buffer): NoiseEvent[]
  /** Encrypts and frames a stanza. Only after the client is known. */
  seal(stanza: Uint8Array): Buffer
}

/** An AES-GCM key whose nonce counts up, as Noise wants it. */
function createCipher(key: Buffer) {
  let count = 0
  // A cipher copies it, so there is one for all.
  const bytes = Buffer.alloc(12)
  const nonce = () => {
    bytes.writeUInt32BE(count++, 8)
    return bytes
  }
  return {
    /** In parts: the ciphertext, and what proves it. */
    seal(plain: Uint8Array, bound: Buffer): [Buffer, Buffer] {
      const cipher = createCipheriv('aes-256-gcm', key, nonce())
      if (bound.length > 0) cipher.setAAD(bound)
      const sealed = cipher.update(plain)
      // GCM gives all it has at once.
      cipher.final()
      return [sealed, cipher.getAuthTag()]
    },
    open(sealed: Uint8Array, bound: Buffer): Buffer {
      const end = sealed.length - TAG_LENGTH
      const decipher = createDecipheriv('aes-256-gcm', key, nonce())
      if (bound.length > 0) decipher.setAAD(bound)
      decipher.setAuthTag(sealed.subarray(end))
      const plain = decipher.update(sealed.subarray(0, end))
      // Throws when it is forged.
      decipher.final()
      return plain
    },
  }
}

/** Noise's symmetric state: a running hash, a chaining key, and the cipher of the moment. */
function createTranscript() {
  let hash = Buffer.from(NOISE_MODE)
  let chaining = hash
  let cipher = createCipher(hash)
  const stretch = (secret: Uint8Array) => {
    const out = Buffer.from(hkdfSync('sha256', secret, chaining, NOTHING, 64))
    return [out.subarray(0, 32), out.subarray(32)] as const
  }
  const transcript = {
    mixHash(data: Uint8Array) {
      hash = createHash('sha256').update(hash).update(data).digest()
    },
    mixKey(secret: Uint8Array) {
      const [next, key] = stretch(secret)
      chaining = next
      cipher = createCipher(key)
    },
    seal(plain: Uint8Array) {
      const sealed = Buffer.concat(cipher.seal(plain, hash))
      transcript.mixHash(sealed)
      return sealed
    },
    open(sealed: Uint8Array) {
      const plain = cipher.open(sealed, hash)
      transcript.mixHash(sealed)
      return plain
    },
    split: () => stretch(NOTHING).map(createCipher),
  }
  return transcript
}

function required(value: Uint8Array | null | undefined): Uint8Array {
  if (!value) throw new Error('a handshake message lacks a field')
  return value
}

/** Makes the responder for one connection. */
export function createNoiseResponder(authority: Authority): NoiseResponder {
  const frames = createFrameReader()
  const transcript = createTranscript()
  const ephemeral = Curve.generateKeyPair()
  let ciphers: ReturnType<typeof createCipher>[] = []
  let step = greet

  function greet(message: Buffer): NoiseEvent {
    const theirs = required(proto.HandshakeMessage.decode(message).clientHello?.ephemeral)
    transcript.mixHash(frames.header ?? NOTHING)
    transcript.mixHash(theirs)
    transcript.mixHash(ephemeral.public)
    transcript.mixKey(Curve.sharedKey(ephemeral.private, theirs))
    const sealedKey = transcript.seal(authority.noiseKey.public)
    transcript.mixKey(Curve.sharedKey(authority.noiseKey.private, theirs))
    const payload = transcript.seal(authority.chain)
    const serverHello = { ephemeral: ephemeral.public, static: sealedKey, payload }
    step = finish
    return { kind: 'answer', bytes: frame(proto.HandshakeMessage.encode({ serverHello }).finish()) }
  }

  function finish(message: Buffer): NoiseEvent {
    const { clientFinish } = proto.HandshakeMessage.decode(message)
    const noiseKey = transcript.open(required(clientFinish?.static))
    transcript.mixKey(Curve.sharedKey(ephemeral.private, noiseKey))
    const payload = proto.ClientPayload.decode(transcript.open(required(clientFinish?.payload)))
    ciphers = transcript.split()
    step = transport
    return { kind: 'client', client: { noiseKey, payload } }
  }

  function transport(sealed: Buffer): NoiseEvent {
    // The first of the two keys is the client's to write with.
    return { kind: 'stanza', bytes: ciphers[0]!.open(sealed, NOTHING) }
  }

  return {
    receive: chunk => frames.push(chunk).map(each => step(each)),
    seal(stanza) {
      const cipher = ciphers[1]
      if (!cipher) throw new Error('nothing can be sealed before the handshake is over')
      return frame(...cipher.seal(stanza, NOTHING))
    },
  }
}
