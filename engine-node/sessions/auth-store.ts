// Credentials and Signal keys of one session: answered from memory, written through to the queue, sealed in the database.
// What cannot be read is never replaced by a new identity.
import { type AuthenticationCreds, type AuthenticationState, BufferJSON, initAuthCreds, proto } from 'baileys'
import * as v from 'valibot'
import { GatewayError } from '../../src/contract/errors.ts'
import {
  authKeysOf,
  CREDS,
  deleteAuthKey,
  deleteAuthKeys,
  REVOKED,
  setAuthKey,
} from '../../src/db/auth-keys.ts'
import type { Db, Statement } from '../../src/db/db.ts'
import { deleteJournal } from '../../src/db/decrypt-journal.ts'
import { forgetGroups } from '../../src/db/directory/groups.ts'
import type { Fault } from '../fault.ts'
import type { QueuedStatement } from '../store/queued-statement.ts'
import type { Sealer } from '../store/sealer.ts'
import type { WriteQueue } from '../store/write-queue.ts'
import { type AddressBook, createAddressBook } from './people.ts'
import { withSenderKeyMemory } from './sender-key-memory.ts'

export interface AuthStore {
  readonly state: AuthenticationState
  /** The pairs of phone and lid that this identity has learnt. */
  readonly book: AddressBook
  /** Queues the credentials as they are now; to be called on every `creds.update`. */
  saveCreds(): void
  /** Whatever a dead socket still writes is void from here on: the next one starts from the database. */
  close(): void
}

type Keys = AuthenticationState['keys']

const Pair = v.object({ public: v.instance(Uint8Array), private: v.instance(Uint8Array) })

/**
 * Types whose values are text and numbers that nobody changes after they were handed over: they may be written out late, and
 * without a look for bytes in them. Each message makes one, and a busy account's own session a hundred for one commit.
 */
const texts: ReadonlySet<string> = new Set(['session'])

/** What every version of the credentials has; the rest is Baileys' business. */
const Creds = v.looseObject({
  noiseKey: Pair,
  signedIdentityKey: Pair,
  signedPreKey: v.looseObject({ keyPair: Pair, keyId: v.number() }),
  registrationId: v.number(),
  advSecretKey: v.string(),
})

/**
 * Loads a session's keys. `wasPaired` says that the session has had an identity. Rejects with `credentials_unreadable`
 * when a row does not open or the credentials are missing though they were there: another identity in their place would
 * unlink the phone for good.
 */
export async function loadAuthStore(deps: {
  db: Db
  queue: Pick<WriteQueue, 'put'>
  sealer: Sealer
  sessionId: string
  wasPaired: boolean
  fault?: Fault | undefined
}): Promise<AuthStore> {
  const { db, queue, sealer, sessionId, wasPaired, fault = () => {} } = deps
  const contextOf = (type: string, keyId: string) => sealContext(sessionId, type, keyId)
  const memory = new Map<string, Map<string, unknown>>()
  const typed = (type: string) => {
    const known = memory.get(type) ?? new Map<string, unknown>()
    memory.set(type, known)
    return known
  }

  const rows = await authKeysOf(db, sessionId)
  for (const { type, keyId, valueSealed } of rows) {
    try {
      const text = Buffer.from(sealer.open(valueSealed, contextOf(type, keyId))).toString()
      typed(type).set(keyId, revived(type, JSON.parse(text, BufferJSON.reviver)))
    } catch (cause) {
      throw unreadable(`its entry ${type} cannot be read`, cause)
    }
  }
  const stored = memory.get(CREDS)?.get('')
  if (stored === undefined && (rows.length > 0 || wasPaired)) throw unreadable('they are missing')
  if (stored !== undefined && !v.is(Creds, stored)) throw unreadable('they are incomplete')
  const creds = (stored ?? initAuthCreds()) as AuthenticationCreds
  // A pairing code that nobody has typed leaves a name without an account: WhatsApp would not know the device.
  if (!creds.account) delete creds.me

  let isClosed = false
  const write = (type: string, keyId: string, value: unknown): QueuedStatement => {
    const key = contextOf(type, keyId)
    const isText = texts.has(type)
    const sealed = (text: string) => sealer.seal(Buffer.from(text), key)
    const valueSealed = isText
      ? () => sealed(JSON.stringify(value))
      : sealed(JSON.stringify(value, BufferJSON.replacer))
    return { ...setAuthKey({ sessionId, type, keyId }, valueSealed), key }
  }

  const keys: Keys = {
    async get(type, ids) {
      const known = typed(type)
      const found: Record<string, unknown> = {}
      for (const id of ids) if (known.has(id)) found[id] = known.get(id)
      return found as Awaited<ReturnType<Keys['get']>> as never
    },
    async set(data) {
      if (isClosed) return
      const statements: QueuedStatement[] = []
      for (const [type, entries] of Object.entries(data)) {
        const known = typed(type)
        for (const [id, value] of Object.entries(entries ?? {})) {
          if (value === null || value === undefined) {
            known.delete(id)
            statements.push({ ...deleteAuthKey(sessionId, type, id), key: contextOf(type, id) })
          } else {
            known.set(id, value)
            statements.push(write(type, id, value))
          }
        }
      }
      queue.put(statements)
    },
  }

  return {
    state: { creds, keys: withSenderKeyMemory(keys) },
    book: createAddressBook(key => memory.get('lid-mapping')?.get(key)),
    saveCreds() {
      if (isClosed) return
      queue.put([write(CREDS, '', creds)])
      fault('credentials.save')
    },
    close() {
      isClosed = true
    },
  }
}

const sealContext = (sessionId: string, type: string, keyId: string) => `${sessionId}/${type}/${keyId}`

/** Marks the stored identity as one that WhatsApp does not know any more; it stays until a person starts the session. */
export const revocation = (sealer: Sealer, sessionId: string): Statement =>
  setAuthKey(
    { sessionId, type: REVOKED, keyId: '' },
    sealer.seal(Buffer.from('{}'), sealContext(sessionId, REVOKED, '')),
  )

/** Gives the identity up, and with it what it has read and which groups it is in: the next link is another device. */
export const forgetting = (db: Db, sessionId: string): Statement[] => [
  deleteAuthKeys(db, sessionId),
  deleteJournal(db, sessionId),
  ...forgetGroups(sessionId),
]

/** Baileys wants this type as a message object; all others are plain values. */
const revived = (type: string, value: unknown): unknown =>
  type === 'app-state-sync-key' && typeof value === 'object' && value !== null
    ? proto.Message.AppStateSyncKeyData.fromObject(value)
    : value

const unreadable = (what: string, cause?: unknown) =>
  new GatewayError(
    'credentials_unreadable',
    `The stored credentials of this session cannot be used: ${what}. Restore the database and its encryption key from a backup, or delete the session and link the phone to a new one`,
    { cause },
  )
