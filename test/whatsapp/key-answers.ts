// The queries about Signal keys: a device publishes its own and fetches those of others.
import { randomBytes } from 'node:crypto'
import { type Directory, simulatedDevice } from './account.ts'
import { takeBundle } from './companion.ts'
import type { IqTable } from './iq.ts'
import { type KeyBundle, keyNodes, readPreKey, readSignedPreKey, registrationNode } from './key-bundle.ts'
import { child, children, node, readJid, seconds } from './nodes.ts'

/** Makes the table. */
export function createKeyAnswers(directory: Directory): IqTable {
  /** Routes by account and device number: one device has an address by number and one by LID. */
  function takeBundleOf(address: string | undefined): KeyBundle | undefined {
    const account = directory.find(address)
    const device = readJid(address)?.device
    if (!account || device === undefined) return undefined
    const companion = account.companions.get(device)
    return companion ? takeBundle(companion) : simulatedDevice(account, device)?.takeBundle()
  }

  return {
    // None left makes the client upload a first stock, few makes it add some.
    'get encrypt count': ({ companion }) => [node('count', { value: companion.preKeys.length })],

    // The client looks only for the presence of an answer; without one it uploads its keys again.
    'get encrypt digest': ({ companion }) => {
      const { registrationId, identity, signedPreKey } = companion
      const keys = { registrationId, identity, signedPreKey }
      const own = [registrationNode(keys), ...keyNodes(keys)]
      return [node('digest', {}, [...own, node('list', {}, []), node('hash', {}, randomBytes(20))])]
    },

    'get encrypt key': ({ body }) => [
      node(
        'list',
        {},
        children(body, 'user').map(({ attrs: { jid } }) => {
          const bundle = takeBundleOf(jid)
          if (!bundle) return node('user', { jid }, [node('error', { code: 404, text: 'item-not-found' })])
          return node('user', { jid, t: seconds() }, [registrationNode(bundle), ...keyNodes(bundle)])
        }),
      ),
    ],

    'set encrypt rotate': ({ companion, body }) => {
      const signed = child(body, 'skey')
      if (signed) companion.signedPreKey = readSignedPreKey(signed)
    },

    'set encrypt registration': ({ companion, iq }) => {
      const signed = child(iq, 'skey')
      if (signed) companion.signedPreKey = readSignedPreKey(signed)
      companion.preKeys.push(...children(child(iq, 'list'), 'key').map(readPreKey))
    },
  }
}
