import type { BinaryNode } from 'baileys'
import { expect, it } from 'vitest'
import { createDirectory } from './account.ts'
import { companionJid, createCompanion } from './companion.ts'
import type { Connection } from './connection.ts'
import { createKeyAnswers } from './key-answers.ts'
import { keyNodes, readPreKey, registrationNode } from './key-bundle.ts'
import { bigEndian, child, children, node } from './nodes.ts'
import { createSimDevice } from './sim-device.ts'

/** A linked device whose keys are those of a simulated one, and a way for it to ask. */
function createAsker() {
  const directory = createDirectory()
  const account = directory.register('15550000001')
  const device = createSimDevice()
  const { signedPreKey } = device.takeBundle()
  const registration = {
    eIdent: device.identity.public,
    eRegid: bigEndian(device.registrationId, 4),
    eSkeyId: bigEndian(signedPreKey.id, 3),
    eSkeyVal: signedPreKey.key,
    eSkeySig: signedPreKey.signature,
  }
  const companion = createCompanion(account, registration, Buffer.alloc(32))
  account.companions.set(companion.id, companion)
  const answers = createKeyAnswers(directory)
  async function ask(row: string, content: BinaryNode[]): Promise<BinaryNode | undefined> {
    const iq = node('iq', { id: 1 }, content)
    const connection = {} as Connection
    const answer = await answers[row]?.({ companion, account, connection, iq, body: child(iq) })
    return Array.isArray(answer) ? answer[0] : undefined
  }
  return { directory, device, companion, ask }
}

it('counts the keys that are left, and hands out each once', async () => {
  const { device, companion, ask } = createAsker()
  const count = async () => (await ask('get encrypt count', [node('count')]))?.attrs.value
  const offered = [device.takeBundle(), device.takeBundle()]
  const keys = offered.flatMap(bundle => children(node('', {}, keyNodes(bundle)), 'key'))
  expect(await count()).toBe('0')
  await ask('set encrypt registration', [registrationNode(device), node('list', {}, keys)])
  expect(await count()).toBe('2')

  const given: (number | undefined)[] = []
  for (let times = 0; times < 3; times++) {
    const users = [node('user', { jid: companionJid(companion, 'lid') })]
    const list = await ask('get encrypt key', [node('key', {}, users)])
    const key = child(child(list, 'user'), 'key')
    given.push(key && readPreKey(key).id)
  }
  expect(given).toEqual([...offered.map(({ preKey }) => preKey?.id), undefined])
  expect(await count()).toBe('0')
})

it('says who does not exist', async () => {
  const { ask } = createAsker()
  const users = [
    node('user', { jid: '15559999999@s.whatsapp.net' }),
    node('user', { jid: '15550000001:9@s.whatsapp.net' }),
  ]
  const list = await ask('get encrypt key', [node('key', {}, users)])
  expect(children(list).map(user => child(user)?.attrs.code)).toEqual(['404', '404'])
})

it('takes a new signed key', async () => {
  const { companion, ask } = createAsker()
  const { signedPreKey } = createSimDevice().takeBundle()
  const skey = children(
    node('', {}, keyNodes({ registrationId: 1, identity: Buffer.alloc(32), signedPreKey })),
    'skey',
  )
  await ask('set encrypt rotate', [node('rotate', {}, skey)])
  expect(Buffer.from(companion.signedPreKey.key)).toEqual(Buffer.from(signedPreKey.key))
})
