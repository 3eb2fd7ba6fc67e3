// Linking by a code that the client shows and the owner types into the phone: the code hides the keys both agree on.
import { createCipheriv, createDecipheriv, hkdfSync, pbkdf2Sync, randomBytes } from 'node:crypto'
import { Curve, type KeyPair } from 'baileys'
import type { Account } from './account.ts'
import type { Companion } from './companion.ts'
import type { Connection } from './connection.ts'
import type { IqTable, UnpairedQuery } from './iq.ts'
import { bytes, child, freshId, node, readJid, SERVER, seconds } from './nodes.ts'
import { createRecorder } from './recorder.ts'

/** As WhatsApp stretches the code, which is too short to be a key. */
const ROUNDS = 131_072
const SALT_BYTES = 32
const IV_BYTES = 16
const GCM_IV_BYTES = 12
const GCM_TAG_BYTES = 16

export interface PairingCode {
  /** What a phone does with the code its owner types. Rejects when the client shows another one. */
  enter(code: string, account: Account): Promise<Companion>
  /** To be told when a connection is gone: the code it showed is worth nothing then. */
  abandon(connection: Connection): void
  readonly answers: IqTable<UnpairedQuery>
}

interface Deps {
  /** Makes the client a linked device of the account; both know the secret. */
  succeed(connection: Connection, account: Account, secret: Buffer): Promise<Companion>
}

interface Hello {
  readonly connection: Connection
  readonly pn: string
  readonly reference: Buffer
  /** The client's ephemeral key, under the code. */
  readonly wrapped: Buffer
}

interface Attempt {
  readonly account: Account
  readonly ephemeral: KeyPair
  readonly theirEphemeral: Buffer
  readonly outcome: PromiseWithResolvers<Companion>
}

const stretch = (code: string, salt: Buffer) => pbkdf2Sync(code, salt, ROUNDS, 32, 'sha256')

function wrap(key: Uint8Array, code: string): Buffer {
  const salt = randomBytes(SALT_BYTES)
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv('aes-256-ctr', stretch(code, salt), iv)
  return Buffer.concat([salt, iv, cipher.update(key), cipher.final()])
}

function unwrap(wrapped: Buffer, code: string): Buffer {
  const salt = wrapped.subarray(0, SALT_BYTES)
  const iv = wrapped.subarray(SALT_BYTES, SALT_BYTES + IV_BYTES)
  const decipher = createDecipheriv('aes-256-ctr', stretch(code, salt), iv)
  return Buffer.concat([decipher.update(wrapped.subarray(SALT_BYTES + IV_BYTES)), decipher.final()])
}

const expand = (key: Uint8Array, salt: Uint8Array, info: string) =>
  Buffer.from(hkdfSync('sha256', key, salt, info, 32))

/** The secret of the link, out of the bundle that only a client with the right code could seal. Throws otherwise. */
function readSecret({ account, ephemeral, theirEphemeral }: Attempt, bundle: Buffer): Buffer {
  const shared = Curve.sharedKey(ephemeral.private, theirEphemeral)
  const salt = bundle.subarray(0, SALT_BYTES)
  const iv = bundle.subarray(SALT_BYTES, SALT_BYTES + GCM_IV_BYTES)
  const sealed = bundle.subarray(SALT_BYTES + GCM_IV_BYTES)
  const key = expand(shared, salt, 'link_code_pairing_key_bundle_encryption_key')
  const decipher = createDecipheriv('aes-256-gcm', key, iv).setAuthTag(sealed.subarray(-GCM_TAG_BYTES))
  const plain = Buffer.concat([decipher.update(sealed.subarray(0, -GCM_TAG_BYTES)), decipher.final()])
  const [theirIdentity, random] = [plain.subarray(0, 32), plain.subarray(64, 96)]
  const identityShared = Curve.sharedKey(account.device.identity.private, theirIdentity)
  return expand(Buffer.concat([shared, identityShared, random]), Buffer.alloc(0), 'adv_secret')
}

/** Makes the desk for codes. */
export function createPairingCode({ succeed }: Deps): PairingCode {
  const hellos = createRecorder<Hello>({ what: 'requests for a code', describe: ({ pn }) => pn, limit: 100 })
  const current = new Map<string, Hello>()
  const attempts = new Map<Connection, Attempt>()

  return {
    async enter(typed, account) {
      const code = typed.replaceAll(/[^0-9A-Za-z]/g, '').toUpperCase()
      // A client shows its code before the server has heard of it.
      const hello = await hellos.find(each => each.pn === account.pn && current.get(each.pn) === each)
      const ephemeral = Curve.generateKeyPair()
      const outcome = Promise.withResolvers<Companion>()
      const theirEphemeral = unwrap(hello.wrapped, code)
      attempts.set(hello.connection, { account, ephemeral, theirEphemeral, outcome })
      hello.connection.send(
        node('notification', { from: SERVER, type: 'link_code_companion_reg', id: freshId(), t: seconds() }, [
          node('link_code_companion_reg', { stage: 'primary_hello' }, [
            node('link_code_pairing_wrapped_primary_ephemeral_pub', {}, wrap(ephemeral.public, code)),
            node('primary_identity_pub', {}, account.device.identity.public),
            node('link_code_pairing_ref', {}, hello.reference),
          ]),
        ]),
      )
      return outcome.promise
    },
    abandon(connection) {
      for (const [pn, hello] of current) if (hello.connection === connection) current.delete(pn)
      attempts.get(connection)?.outcome.reject(new Error('the device went away in the middle of pairing'))
      attempts.delete(connection)
    },
    answers: {
      'set md link_code_companion_reg': ({ connection, body }) => {
        const pn = readJid(body?.attrs.jid)?.user ?? ''
        if (body?.attrs.stage === 'companion_hello') {
          const reference = randomBytes(16)
          const wrapped = bytes(child(body, 'link_code_pairing_wrapped_companion_ephemeral_pub'))
          const hello = { connection, pn, reference, wrapped }
          current.set(pn, hello)
          hellos.add(hello)
          const answer = node('link_code_pairing_ref', {}, reference)
          return [node('link_code_companion_reg', { stage: 'companion_hello' }, [answer])]
        }
        const attempt = attempts.get(connection)
        attempts.delete(connection)
        if (!attempt) return { refused: 404, why: 'item-not-found' }
        let secret: Buffer
        try {
          secret = readSecret(attempt, bytes(child(body, 'link_code_pairing_wrapped_key_bundle')))
        } catch (cause) {
          attempt.outcome.reject(new Error('the client shows another code', { cause }))
          return { refused: 401, why: 'not-authorized' }
        }
        current.delete(pn)
        return {
          afterwards() {
            succeed(connection, attempt.account, secret).then(attempt.outcome.resolve, attempt.outcome.reject)
          },
        }
      },
    },
  }
}
