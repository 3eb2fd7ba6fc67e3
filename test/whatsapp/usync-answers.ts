// The query that asks about people in bulk: is this number on WhatsApp, which devices has it, what is its LID.
import { type BinaryNode, Curve, proto } from 'baileys'
import { type Account, type Directory, linkedIds } from './account.ts'
import type { IqTable } from './iq.ts'
import { child, children, isLid, node, seconds, text } from './nodes.ts'

const KEY_INDEX_SIGNATURE_PREFIX = Buffer.from([6, 2])

/** Makes the table. */
export function createUsyncAnswers(directory: Directory): IqTable {
  // Signing takes milliseconds in plain JavaScript, so a list is signed once and again when the devices change.
  const signedLists = new WeakMap<Account, { devices: string; list: Uint8Array }>()

  function keyIndexList(account: Account): Uint8Array {
    const { device, nextCompanionId } = account
    const linked = linkedIds(account)
    const devices = linked.join()
    const known = signedLists.get(account)
    if (known?.devices === devices) return known.list
    const details = proto.ADVKeyIndexList.encode({
      rawId: device.registrationId,
      timestamp: seconds(),
      currentIndex: nextCompanionId,
      validIndexes: [0, ...linked],
    }).finish()
    const signed = Buffer.concat([KEY_INDEX_SIGNATURE_PREFIX, details])
    const accountSignature = Curve.sign(device.identity.private, signed)
    const list = proto.ADVSignedKeyIndexList.encode({ details, accountSignature }).finish()
    signedLists.set(account, { devices, list })
    return list
  }

  function devices(account: Account): BinaryNode {
    // A linked device without key-index would be ignored by the client.
    const linked = linkedIds(account).map(id => node('device', { id, 'key-index': id }))
    return node('devices', {}, [
      node('device-list', { hash: '2:none' }, [node('device', { id: 0 }), ...linked]),
      node('key-index-list', { ts: seconds() }, keyIndexList(account)),
    ])
  }

  /** What can be asked about somebody; `asked` is the jid or the number that was given. */
  const protocols: Record<string, (account: Account, asked: string) => BinaryNode | undefined> = {
    devices,
    contact: (_account, asked) => node('contact', { type: 'in' }, Buffer.from(asked)),
    lid: (account, asked) => (isLid(asked) ? undefined : node('lid', { val: account.lidJid })),
    status: account => node('status', { t: seconds() }, Buffer.from(account.about)),
    disappearing_mode: () => node('disappearing_mode', { duration: 0, t: 0 }),
  }

  function answerFor(user: BinaryNode, wanted: string[]): BinaryNode {
    const phone = text(child(user, 'contact')).replace(/\D/g, '')
    const account = directory.find(user.attrs.jid ?? phone)
    const asked = user.attrs.jid ?? `+${phone}`
    if (!account) {
      const missing = wanted.includes('contact') ? [node('contact', { type: 'out' }, Buffer.from(asked))] : []
      return node('user', { jid: user.attrs.jid ?? `${phone}@s.whatsapp.net` }, missing)
    }
    const answers = wanted.map(name => protocols[name]?.(account, asked)).filter(each => each !== undefined)
    return node('user', { jid: user.attrs.jid ?? account.pnJid }, answers)
  }

  return {
    'get usync usync': ({ body }) => {
      const wanted = children(child(body, 'query')).map(({ tag }) => tag)
      const users = children(child(body, 'list'), 'user').map(user => answerFor(user, wanted))
      const { sid, mode, context } = body?.attrs ?? {}
      const result = node(
        'result',
        {},
        wanted.map(name => node(name)),
      )
      return [
        node('usync', { sid, index: 0, last: 'true', mode, context }, [result, node('list', {}, users)]),
      ]
    },
  }
}
