// The settings that all devices of an account share, kept as the encrypted patches they exchange: the phone writes
// some, linked devices write some, and all are opened and checked.
import { randomBytes } from 'node:crypto'
import {
  type BinaryNode,
  type ChatModification,
  chatModificationToAppPatch,
  decodePatches,
  encodeSyncdPatch,
  newLTHashState,
  proto,
  type WAPatchName,
} from 'baileys'
import { bytes, child, node } from './nodes.ts'
import { createRecorder, type Recorder } from './recorder.ts'

interface Collection {
  readonly name: WAPatchName
  readonly patches: Buffer[]
  hash: ReturnType<typeof newLTHashState>
}

/** A setting that a linked device wrote. */
export interface Change {
  readonly collection: string
  /** What it is about: the kind of setting, then the chat, the label and so on. */
  readonly index: readonly string[]
  readonly value: proto.ISyncActionValue
}

export interface AppState {
  /** The key every patch is sealed with; a linked device cannot read any without it. */
  readonly key: { readonly id: Buffer; readonly data: Buffer }
  /** Writes the patches a phone has before its first linked device. Doing it twice changes nothing. */
  prepare(): Promise<void>
  /** Writes a setting as the phone; gives the collection it went to, and its version. */
  write(change: ChatModification, chat?: string): Promise<{ readonly name: string; readonly version: number }>
  /** Answers for one collection: takes a patch or hands out those the client lacks. Throws if it cannot be opened. */
  sync(asked: BinaryNode): Promise<BinaryNode>
  /** What linked devices wrote. */
  readonly changes: Recorder<Change>
}

/** What Baileys would only log about a patch that is not sealed as it should be. */
const strict = {
  level: 'warn',
  child: () => strict,
  trace() {},
  debug() {},
  info() {},
  warn(_details: unknown, why?: string) {
    throw new Error(why ?? 'a bad patch')
  },
  error() {},
}

/** Makes the state of one account. */
export function createAppState(pushName: string): AppState {
  const key = { id: randomBytes(6), data: randomBytes(32) }
  const collections = new Map<string, Collection>()
  const changes = createRecorder<Change>({
    what: `settings of ${pushName}`,
    describe: ({ index }) => index.join(' '),
  })
  const findKey = async () => ({ keyData: key.data })
  let prepared: Promise<unknown> | undefined
  // One at a time: each patch builds on the hash of the one before.
  let line: Promise<unknown> = Promise.resolve()
  function inTurn<T>(task: () => Promise<T>): Promise<T> {
    const done = line.then(task)
    line = done.catch(() => {})
    return done
  }

  function collection(name: string): Collection {
    const known = collections.get(name) ?? { name: name as WAPatchName, patches: [], hash: newLTHashState() }
    collections.set(name, known)
    return known
  }

  function keep({ patches }: Collection, patch: proto.ISyncdPatch): proto.SyncdPatch {
    const numbered = proto.SyncdPatch.create({ ...patch, version: { version: patches.length + 1 } })
    patches.push(Buffer.from(proto.SyncdPatch.encode(numbered).finish()))
    return numbered
  }

  async function take(target: Collection, sealed: Buffer): Promise<void> {
    const patch = proto.SyncdPatch.decode(sealed)
    const version = { version: target.patches.length + 1 }
    const opened = await decodePatches(
      target.name,
      [{ ...patch, version }],
      target.hash,
      findKey,
      {},
      undefined,
      strict,
    )
    target.hash = opened.state
    keep(target, patch)
    for (const { index, syncAction } of Object.values(opened.mutationMap)) {
      changes.add({ collection: target.name, index, value: syncAction.value ?? {} })
    }
  }

  const state: AppState = {
    key,
    async prepare() {
      prepared ??= state.write({ pushNameSetting: pushName })
      await prepared
    },
    write: (change, chat = '') =>
      inTurn(async () => {
        const entry = chatModificationToAppPatch(change, chat)
        const target = collection(entry.type)
        const sealed = await encodeSyncdPatch(entry, key.id.toString('base64'), target.hash, findKey)
        target.hash = sealed.state
        keep(target, sealed.patch)
        return { name: entry.type, version: target.patches.length }
      }),
    sync: asked =>
      inTurn(async () => {
        const name = asked.attrs.name ?? ''
        const known = collection(name)
        const theirs = Number(asked.attrs.version ?? 0)
        const patch = child(asked, 'patch')
        if (patch) {
          if (theirs !== known.patches.length) {
            const conflict = node('error', { code: 409, text: 'conflict' })
            return node('collection', { name, version: known.patches.length, type: 'error' }, [conflict])
          }
          await take(known, bytes(patch))
          return node('collection', { name, version: known.patches.length })
        }
        const missing = known.patches.slice(theirs).map(each => node('patch', {}, each))
        const content = missing.length > 0 ? [node('patches', {}, missing)] : undefined
        return node('collection', { name, version: theirs, has_more_patches: 'false' }, content)
      }),
    changes,
  }
  return state
}
