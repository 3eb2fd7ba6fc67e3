// Who is given the key of a group while sends and retry receipts cross: the real Baileys on the key store of a session.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SignalDataSet, SignalKeyStore } from 'baileys'
import { expect, it } from 'vitest'
import { loadAuthStore } from '../../engine-node/sessions/auth-store.ts'
import { openDatabase } from '../../engine-node/store/database.ts'
import { createSealer } from '../../engine-node/store/sealer.ts'
import { createLinked } from '../whatsapp/linked.fixtures.ts'

/** A session's key store on a database of its own; `onSet` hears what Baileys writes. */
async function createStore(onSet: (data: SignalDataSet) => void) {
  const folder = mkdtempSync(join(tmpdir(), 'wharf-group-keys-'))
  const database = await openDatabase({ url: `file:${join(folder, 'wharf.db')}` })
  const sealer = createSealer(randomBytes(32))
  const { db } = database
  const given = { db, queue: { put() {} }, sealer, sessionId: 'main', wasPaired: false }
  const { creds, keys } = (await loadAuthStore(given)).state
  const heard: SignalKeyStore = {
    ...keys,
    set(data) {
      onSet(data)
      return keys.set(data)
    },
  }
  return {
    auth: { creds, keys: heard },
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

it('a member who lost the key has it again with the first resend, whatever is under way', async () => {
  const [asked, held] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  let sends = 0
  await using store = await createStore(data => {
    if (Object.values(data['sender-key-memory'] ?? {}).includes(null as never)) asked.resolve()
  })
  await using linked = await createLinked({
    config: () => ({
      auth: store.auth,
      // Asked by each send right when it reads who has the key.
      async cachedGroupMetadata() {
        sends += 1
        if (sends === 3) await held.promise
        return undefined
      },
    }),
  })
  const { client, whatsapp, phone, bob, eve } = linked
  const team = whatsapp.group('Team', { members: [phone, bob, eve] })
  const before = await client.send(team.jid, 'so that they have the key')
  for (const member of [bob, eve]) await member.next(({ id }) => id === before)
  bob.forgets(phone, { group: team })
  const lost = client.send(team.jid, 'lost')
  // It has read that all have the key, and ends only after Bob has said that he has not.
  const underWay = client.send(team.jid, 'under way')
  await asked.promise
  held.resolve()
  for (const id of [await lost, await underWay]) {
    for (const member of [bob, eve]) await member.next(each => each.id === id)
    expect(whatsapp.log.ids({ direction: 'out', kind: 'retry', id })).toHaveLength(1)
  }
})
