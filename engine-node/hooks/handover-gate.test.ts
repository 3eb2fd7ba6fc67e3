import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { learnPeople } from '../../src/db/directory/people.ts'
import { findMapping, setHandover, upsertMapping } from '../../src/db/mappings.ts'
import { insertSession } from '../../src/db/sessions.ts'
import { openIngress, type TestIngress } from '../../test/support/ingress.ts'
import { createHandoverGate } from './handover-gate.ts'

let ingress: TestIngress
let installed: Set<string>
const key = { pluginId: 'desk', instanceId: 'i', sessionId: 's', chatId: '1@c.us' }
const open = () => createHandoverGate({ db: ingress.now.db, isInstalled: id => installed.has(id) })

beforeEach(async () => {
  ingress = await openIngress()
  installed = new Set(['desk', 'bot'])
})
afterEach(() => ingress[Symbol.asyncDispose]())

describe('a chat', () => {
  it.each([
    ['bot', true],
    ['human', false],
    ['closed', false],
  ] as const)('in %s lets other plugins hear: %s, and its keeper always', (state, others) => {
    const gate = open()
    gate.set(key, state)
    expect(gate.mayHear('bot', 's', '1@c.us')).toBe(others)
    expect(gate.mayHear('desk', 's', '1@c.us')).toBe(true)
    expect(gate.mayHear('bot', 's', '2@c.us')).toBe(true)
    expect(gate.mayHear('bot', 'other', '1@c.us')).toBe(true)
  })

  it('is free again when the bot takes over', () => {
    const gate = open()
    gate.set(key, 'human')
    gate.set(key, 'bot')
    expect(gate.mayHear('bot', 's', '1@c.us')).toBe(true)
  })

  it('stays kept while one of two instances keeps it', () => {
    const gate = open()
    gate.set(key, 'human')
    gate.set({ ...key, instanceId: 'j' }, 'human')
    gate.set(key, 'bot')
    expect(gate.mayHear('bot', 's', '1@c.us')).toBe(false)
  })

  it('is free when its keeper was uninstalled', () => {
    const gate = open()
    gate.set(key, 'human')
    installed.delete('desk')
    expect(gate.mayHear('bot', 's', '1@c.us')).toBe(true)
  })

  it('stays kept when its person’s phone becomes known, and when that changes', () => {
    const gate = open()
    gate.set({ ...key, chatId: '9@lid' }, 'human')
    gate.paired('s', { phoneId: '1@c.us', lidId: '9@lid' })
    gate.paired('s', { phoneId: '2@c.us', lidId: '8@lid' })
    const mayHear = () => ['1@c.us', '2@c.us', '9@lid', '8@lid'].map(id => gate.mayHear('bot', 's', id))
    expect(mayHear()).toEqual([false, true, false, true])
    // The number is somebody else's now.
    gate.paired('s', { phoneId: '1@c.us', lidId: '8@lid' })
    expect(mayHear()).toEqual([true, true, false, true])
    gate.paired('s', { phoneId: '2@c.us', lidId: '9@lid' })
    expect(mayHear()).toEqual([true, false, false, true])
    gate.set({ ...key, chatId: '2@c.us' }, 'bot')
    expect(mayHear()).toEqual([true, true, true, true])
  })

  it('is kept under both ids of its person, by whichever it was taken over', async () => {
    const { db, writer } = ingress.now
    const [sessionId, phoneId, lidId] = ['7d8f8f3e-0f0e-4a43-9d1c-2d5f0c7b8a11', '1@c.us', '9@lid']
    const person = { phoneId, lidId }
    await writer.commit([
      insertSession(db, { id: sessionId, name: 'a', status: 'ready', createdAt: 0, updatedAt: 0 }),
    ])
    const mapping = { ...key, sessionId, chatId: lidId }
    await writer.commit([upsertMapping(db, mapping, 'c1', 0), setHandover(db, mapping, 'human', 0)])
    await writer.commit(learnPeople(sessionId, [person], () => 'p1'))
    expect(await findMapping(db, mapping)).toMatchObject({ chatId: phoneId, handoverState: 'human' })
    const restarted = open()
    await restarted.load()
    const now = open()
    now.set(mapping, 'human', person)
    for (const gate of [restarted, now])
      expect([phoneId, lidId].map(id => gate.mayHear('bot', sessionId, id))).toEqual([false, false])
  })

  it('is kept over a restart', async () => {
    const { db, writer } = ingress.now
    await writer.commit([upsertMapping(db, key, 'c1', 0), setHandover(db, key, 'human', 0)])
    const gate = open()
    expect(gate.mayHear('bot', 's', '1@c.us')).toBe(true)
    await gate.load()
    expect(gate.mayHear('bot', 's', '1@c.us')).toBe(false)
  })
})
