import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { setHandover, upsertMapping } from '../../src/db/mappings.ts'
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

  it('is kept over a restart', async () => {
    const { db, writer } = ingress.now
    await writer.commit([upsertMapping(db, key, 'c1', 0), setHandover(db, key, 'human', 0)])
    const gate = open()
    expect(gate.mayHear('bot', 's', '1@c.us')).toBe(true)
    await gate.load()
    expect(gate.mayHear('bot', 's', '1@c.us')).toBe(false)
  })
})
