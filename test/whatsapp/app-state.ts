// The settings that all devices of an account share, kept as the encrypted patches they exchange. So far only the
// phone can write one (its push name); patches of linked devices are kept as they came and not looked into.
import { randomBytes } from 'node:crypto'
import {
  type BinaryNode,
  type ChatModification,
  chatModificationToAppPatch,
  encodeSyncdPatch,
  newLTHashState,
  proto,
} from 'baileys'
import type { IqTable } from './iq.ts'
import { bytes, child, children, node } from './nodes.ts'

interface Collection {
  readonly patches: Buffer[]
  hash: ReturnType<typeof newLTHashState>
}

export interface AppState {
  /** The key every patch is sealed with; a linked device cannot read any without it. */
  readonly key: { readonly id: Buffer; readonly data: Buffer }
  /** Writes the patches a phone has before its first linked device. Doing it twice changes nothing. */
  prepare(): Promise<void>
  /** Answers for one collection: takes a patch or hands out those the client lacks. */
  sync(asked: BinaryNode): BinaryNode
}

/** Makes the state of one account. */
export function createAppState(pushName: string): AppState {
  const key = { id: randomBytes(6), data: randomBytes(32) }
  const collections = new Map<string, Collection>()
  let prepared: Promise<void> | undefined

  function collection(name: string): Collection {
    const known = collections.get(name) ?? { patches: [], hash: newLTHashState() }
    collections.set(name, known)
    return known
  }

  function keep({ patches }: Collection, patch: proto.ISyncdPatch): void {
    const version = { version: patches.length + 1 }
    patches.push(Buffer.from(proto.SyncdPatch.encode({ ...patch, version }).finish()))
  }

  async function write(change: ChatModification): Promise<void> {
    const entry = chatModificationToAppPatch(change, '')
    const target = collection(entry.type)
    const keyId = key.id.toString('base64')
    const { patch, state } = await encodeSyncdPatch(entry, keyId, target.hash, async () => ({
      keyData: key.data,
    }))
    target.hash = state
    keep(target, patch)
  }

  return {
    key,
    prepare: () => (prepared ??= write({ pushNameSetting: pushName })),
    sync(asked) {
      const name = asked.attrs.name ?? ''
      const known = collection(name)
      const theirs = Number(asked.attrs.version ?? 0)
      const patch = child(asked, 'patch')
      if (patch) {
        if (theirs !== known.patches.length) {
          const conflict = node('error', { code: 409, text: 'conflict' })
          return node('collection', { name, version: known.patches.length, type: 'error' }, [conflict])
        }
        keep(known, proto.SyncdPatch.decode(bytes(patch)))
        return node('collection', { name, version: known.patches.length })
      }
      const missing = known.patches.slice(theirs).map(each => node('patch', {}, each))
      const content = missing.length > 0 ? [node('patches', {}, missing)] : undefined
      return node('collection', { name, version: theirs, has_more_patches: 'false' }, content)
    },
  }
}

/** The queries about shared settings. */
export const appStateAnswers: IqTable = {
  'set w:sync:app:state sync': ({ account, body }) => [
    node('sync', {}, children(body, 'collection').map(account.appState.sync)),
  ],
}
