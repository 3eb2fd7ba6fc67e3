// Signal sessions read and written so that none is spoiled: one operation at a time, straight in the key store, and each of a
// person's sessions tried by itself.
//
// Baileys lets sessions take part in the transaction of a whole send, which waits for the network in between: what is
// decrypted meanwhile is then overwritten with the older state. And libsignal tries all sessions of a person on one record and
// stores it with the steps that the wrong ones took before they failed. Either way the next messages cannot be read.
import { BufferJSON, type SignalDataSet, type SignalKeyStore, type SocketConfig } from 'baileys'

type MakeRepository = SocketConfig['makeSignalRepository']
type Repository = ReturnType<MakeRepository>

/** The operations that change sessions or sender keys. */
const operations = [
  'decryptMessage',
  'decryptGroupMessage',
  'encryptMessage',
  'encryptGroupMessage',
  'injectE2ESession',
  'processSenderKeyDistributionMessage',
  'migrateSession',
  'deleteSession',
] as const satisfies readonly (keyof Repository)[]

/** A person's sessions as libsignal writes them: the one in use, and those that messages may still come on. */
interface Sessions {
  readonly _sessions: Readonly<Record<string, { readonly indexInfo: { readonly used: number } }>>
}

const isSessions = (value: unknown): value is Sessions =>
  typeof value === 'object' &&
  value !== null &&
  '_sessions' in value &&
  typeof value._sessions === 'object' &&
  value._sessions !== null

/**
 * The repository over `keys`, whose `set` takes effect at once. All of one operation is written in the turn in which it ends, so
 * the write queue commits it together.
 */
export const oneAtATime =
  (make: MakeRepository, keys: SignalKeyStore): MakeRepository =>
  (auth, logger, lookUp) => {
    const single = createSingleSessions(wholeSenderKeys(keys))
    const direct = {
      ...single.keys,
      isInTransaction: () => true,
      transaction: <T>(work: () => Promise<T>) => work(),
    }
    const made = make({ ...auth, keys: direct }, logger, lookUp)
    const repository: Repository = {
      ...made,
      // One that opens a session names it; only the others are tried out.
      decryptMessage: arg =>
        arg.type === 'msg' ? single.each(() => made.decryptMessage(arg)) : made.decryptMessage(arg),
    }
    let last: Promise<unknown> = Promise.resolve()
    const inTurn =
      <A extends unknown[], R>(operation: (...args: A) => Promise<R>) =>
      (...args: A): Promise<R> => {
        const result = last.then(() => operation(...args))
        // What failed is its caller's to hear; the next one runs all the same.
        last = result.catch(() => {})
        return result
      }
    const serial = Object.fromEntries(
      operations.map(name => [name, inTurn(repository[name] as () => Promise<unknown>)]),
    )
    return { ...repository, ...serial }
  }

/**
 * Baileys writes a sender key with its bytes as lists of numbers and reads bytes in base64 only: a group message that comes
 * after a later one, as happens when WhatsApp delivers again, then finds its key and cannot use it.
 */
function wholeSenderKeys(keys: SignalKeyStore): SignalKeyStore {
  const readable = (record: Uint8Array) =>
    Buffer.from(JSON.stringify(JSON.parse(Buffer.from(record).toString()), BufferJSON.replacer))
  return {
    ...keys,
    async get(type, ids) {
      const found = await keys.get(type, ids)
      if (type !== 'sender-key') return found
      const records = Object.entries(found as Record<string, Uint8Array>)
      return Object.fromEntries(
        records.map(([id, record]) => [id, readable(record)]),
      ) as object as typeof found
    },
  }
}

/** A view of the key store in which a person with several sessions has one of them at a time. */
function createSingleSessions(keys: SignalKeyStore) {
  /** Which one, in the order of their last use; null shows all. */
  let position: number | null = null
  let count = 1

  const namesOf = ({ _sessions }: Sessions) =>
    Object.keys(_sessions).sort(
      (a, b) => (_sessions[b]?.indexInfo.used ?? 0) - (_sessions[a]?.indexInfo.used ?? 0),
    )

  function shown(record: unknown): unknown {
    if (position === null || !isSessions(record)) return record
    const names = namesOf(record)
    count = Math.max(count, names.length)
    const name = names[position]
    const session = name === undefined ? undefined : record._sessions[name]
    return name === undefined || session === undefined
      ? record
      : { ...record, _sessions: { [name]: session } }
  }

  async function whole(id: string, record: unknown): Promise<unknown> {
    if (position === null || !isSessions(record)) return record
    const { [id]: before } = await keys.get('session', [id])
    return isSessions(before)
      ? { ...record, _sessions: { ...before._sessions, ...record._sessions } }
      : record
  }

  const view: SignalKeyStore = {
    async get(type, ids) {
      const found = await keys.get(type, ids)
      if (type !== 'session' || position === null) return found
      return Object.fromEntries(
        Object.entries(found).map(([id, record]) => [id, shown(record)]),
      ) as typeof found
    },
    async set(data) {
      const { session, ...rest } = data
      if (!session || position === null) return keys.set(data)
      const merged: Record<string, unknown> = {}
      for (const [id, record] of Object.entries(session)) merged[id] = await whole(id, record)
      return keys.set({ ...rest, session: merged } as SignalDataSet)
    },
  }

  return {
    keys: view,
    /** Runs a decryption with each session until one reads the message; what the others did to themselves is not stored. */
    async each<T>(decrypt: () => Promise<T>): Promise<T> {
      count = 1
      try {
        for (position = 0; ; position += 1) {
          try {
            return await decrypt()
          } catch (error) {
            if (position + 1 >= count) throw error
          }
        }
      } finally {
        position = null
      }
    },
  }
}
