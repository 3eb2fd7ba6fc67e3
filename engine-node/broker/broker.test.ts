import { describe, expect, it, vi } from 'vitest'
import {
  capabilities,
  MAX_CALLS_IN_FLIGHT,
  SEND_RATE,
  SEND_TIMEOUT_MS,
} from '../../src/contract/capabilities.ts'
import { createFakeClock } from '../../test/support/fake-clock.ts'
import { createAudit, MAX_DENIALS, MAX_MINUTES } from './audit.ts'
import { createBroker } from './broker.ts'
import type { BrokerPlugin } from './decide.ts'
import type { CallOrigin, Verbs } from './verb.ts'

const bot: BrokerPlugin = {
  id: 'bot',
  permissions: ['messages:send', 'storage:use'],
  sessions: ['*'],
  sessionScoped: true,
  activeSessions: ['s1'],
}
const sent = { messageId: 'M', timestamp: 1 }

function start(verbs: Partial<Verbs> = {}) {
  const plugins = new Map<string, BrokerPlugin>([
    ['bot', { ...bot }],
    ['other', { ...bot, id: 'other', permissions: [] }],
  ])
  const clock = createFakeClock()
  const audit = createAudit()
  const all = Object.fromEntries(Object.keys(capabilities).map(verb => [verb, async () => null]))
  const broker = createBroker({
    verbs: { ...(all as unknown as Verbs), 'messages.sendText': async () => sent, ...verbs },
    plugin: id => plugins.get(id),
    isLive: id => id === 's1',
    clock,
    audit,
  })
  const connection = broker.connect('bot')
  const call = (verb: string, ...args: unknown[]) => connection.call({ verb, args, inFlight: [] })
  return { broker, connection, call, plugins, clock, audit }
}

describe('the gate', () => {
  it('lets a call through to its verb, with the parsed arguments and the origin', async () => {
    const verb = vi.fn(async () => sent)
    const { connection, audit } = start({ 'messages.sendText': verb })
    const args = ['s1', 'a@c.us', 'hi']
    expect(
      await connection.call({ verb: 'messages.sendText', args, inFlight: ['message:received'] }),
    ).toEqual(sent)
    expect(verb).toHaveBeenCalledWith(
      args,
      expect.objectContaining({ pluginId: 'bot', inFlight: ['message:received'] }),
    )
    expect(audit.counts('bot')).toEqual({ allowed: { 'messages.sendText': 1 }, denied: 0 })
  })

  const refused: [string, string, unknown[], string, string][] = [
    ['an unknown verb', 'messages.sendAll', [], 'unknown_verb', 'Unknown capability verb: messages.sendAll'],
    ['a name every object has', 'constructor', [], 'unknown_verb', 'Unknown capability verb: constructor'],
    ['a verb in another case', 'Storage.get', ['k'], 'unknown_verb', 'Unknown capability verb: Storage.get'],
    [
      'an empty argument',
      'messages.sendText',
      ['s1', '', 'x'],
      'arguments',
      'argument 2 must be a non-empty string',
    ],
    [
      'an argument of another type',
      'messages.sendText',
      ['s1', 'a@c.us', {}],
      'arguments',
      'argument 3 must be a non-empty string',
    ],
    [
      'a session in an array',
      'messages.sendText',
      [['s1'], 'a@c.us', 'x'],
      'arguments',
      'argument 1 must be a non-empty string',
    ],
    ['a missing argument', 'messages.sendText', ['s1', 'a@c.us'], 'arguments', 'argument 3'],
    ['an argument too many', 'storage.get', ['k', 'k'], 'arguments', 'argument 2'],
    ['a key that is too long', 'storage.get', ['k'.repeat(513)], 'arguments', 'at most 512 characters'],
    ['a key with NUL', 'storage.set', ['a\0b', 1], 'arguments', 'must not contain NUL'],
    [
      'a session that it is not active for',
      'messages.sendText',
      ['s2', 'a@c.us', 'x'],
      'not_activated',
      'Plugin bot is not activated for session s2',
    ],
  ]
  it.each(refused)('refuses %s, says why, and records it', async (_, verb, args, reason, why) => {
    const { call, audit, clock } = start()
    await expect(call(verb, ...args)).rejects.toMatchObject({
      code: 'capability_denied',
      message: expect.stringContaining(why),
    })
    expect(audit.denials('bot')).toMatchObject([{ pluginId: 'bot', verb, reason, at: clock.now() }])
    expect(audit.counts('bot')).toEqual({ allowed: {}, denied: 1 })
  })

  it('knows who calls by the connection, and what it may at this moment', async () => {
    const { broker, call, plugins } = start()
    await expect(
      broker.connect('other').call({ verb: 'storage.get', args: ['k'], inFlight: [] }),
    ).rejects.toThrow("Plugin other is missing the 'storage:use' permission")
    plugins.set('bot', { ...bot, permissions: [] })
    await expect(call('storage.get', 'k')).rejects.toThrow("missing the 'storage:use' permission")
    plugins.delete('bot')
    await expect(call('storage.get', 'k')).rejects.toThrow('is not running')
  })

  it('refuses the call above the limit, and takes calls again when one is done', async () => {
    const waiting: (() => void)[] = []
    const { call, audit } = start({
      'storage.get': () => new Promise(resolve => waiting.push(() => resolve(null))),
    })
    const open = Array.from({ length: MAX_CALLS_IN_FLIGHT }, () => call('storage.get', 'k'))
    await expect(call('storage.get', 'k')).rejects.toThrow('too many concurrent capability calls (limit 32)')
    waiting[0]?.()
    await open[0]
    const next = call('storage.get', 'k')
    for (const resolve of waiting) resolve()
    await Promise.all([...open, next])
    expect(audit.denials()).toMatchObject([{ reason: 'in_flight' }])
  })

  it('refuses a plugin that asks too often, verb by verb, and takes its calls again later', async () => {
    const { call, audit, clock } = start()
    const { burst, perSecond } = SEND_RATE
    const send = () => call('messages.sendText', 's1', 'a@c.us', 'x')
    for (let n = 0; n < burst; n += 1) await send()
    await expect(send()).rejects.toThrow(`too many calls of messages.sendText: ${burst} at once`)
    expect(await call('storage.get', 'k')).toBeNull()
    clock.advance(1_000)
    for (let n = 0; n < perSecond; n += 1) await send()
    await expect(send()).rejects.toMatchObject({ code: 'capability_denied' })
    expect(audit.denials('bot').map(({ reason }) => reason)).toEqual(['rate', 'rate'])
  })

  it('gives a call its time and no more, and tells the verb', async () => {
    const origins: CallOrigin[] = []
    const { call, clock } = start({
      'messages.sendText': (_, origin) => {
        origins.push(origin)
        return new Promise(() => {})
      },
    })
    const open = call('messages.sendText', 's1', 'a@c.us', 'x')
    clock.advance(SEND_TIMEOUT_MS - 1)
    expect(origins[0]?.signal.aborted).toBe(false)
    clock.advance(1)
    await expect(open).rejects.toMatchObject({ code: 'plugin_timeout' })
    expect(() => origins[0]?.assertStillAllowed()).toThrow(
      expect.objectContaining({ code: 'plugin_timeout' }),
    )
    expect(clock.pending).toBe(0)
  })

  it('lets nothing take effect after it was closed, or after a permission was taken away', async () => {
    const effects: string[] = []
    const go: (() => void)[] = []
    const { call, connection, plugins } = start({
      'messages.sendText': async (_, origin) => {
        await new Promise<void>(resolve => go.push(resolve))
        origin.assertStillAllowed()
        effects.push('sent')
        return sent
      },
    })
    const send = () => call('messages.sendText', 's1', 'a@c.us', 'x')
    const revoked = send()
    plugins.set('bot', { ...bot, activeSessions: [] })
    go[0]?.()
    await expect(revoked).rejects.toThrow('is not activated')
    plugins.set('bot', bot)
    const open = send()
    connection.close()
    await expect(open).rejects.toMatchObject({ code: 'plugin_stopped' })
    go[1]?.()
    await expect(send()).rejects.toMatchObject({ code: 'plugin_stopped' })
    await Promise.resolve()
    expect(effects).toEqual([])
    expect(go).toHaveLength(2)
  })

  it('parses what the verb answers before it crosses', async () => {
    const leak = { ...sent, authToken: 'secret' }
    const { call } = start({ 'messages.sendText': async () => leak })
    await expect(call('messages.sendText', 's1', 'a@c.us', 'x')).rejects.toThrow()
  })
})

describe('the session of a call', () => {
  const key = { sessionId: 's1', chatId: 'a@c.us', instanceId: 'i' }
  const allow = (plugins: Map<string, BrokerPlugin>, activeSessions: string[]) =>
    plugins.set('bot', { ...bot, permissions: ['conversation:send'], activeSessions })

  it('may stand in an object', async () => {
    const { call, plugins } = start({ 'conversations.send': async () => sent })
    allow(plugins, ['s1', 's2'])
    const send = (sessionId: string) =>
      call('conversations.send', { sessionId, chatId: 'a@c.us', type: 'text' })
    expect(await send('s1')).toEqual(sent)
    await expect(send('s2')).rejects.toThrow('Session s2 has no active engine')
    await expect(send('s3')).rejects.toThrow('Plugin bot is not activated for session s3')
  })

  it('need not run for what only touches records, but the plugin must be active for it', async () => {
    const { call, plugins } = start()
    allow(plugins, ['s2'])
    expect(await call('handover.set', { ...key, sessionId: 's2' }, 'human')).toBe(null)
    await expect(call('handover.set', key, 'human')).rejects.toThrow('not activated for session s1')
  })

  it('may turn up while a verb runs, and is judged then', async () => {
    const { call, plugins, audit } = start({
      async 'mappings.getByProvider'([, id], origin) {
        origin.assertActiveFor(id)
        return { sessionId: id, chatId: 'a@c.us', handoverState: 'bot' }
      },
    })
    allow(plugins, ['s2'])
    expect(await call('mappings.getByProvider', 'i', 's2')).toMatchObject({ sessionId: 's2' })
    await expect(call('mappings.getByProvider', 'i', 's1')).rejects.toMatchObject({
      code: 'capability_denied',
    })
    expect(audit.denials()).toMatchObject([{ sessionId: 's1', reason: 'not_activated' }])
  })
})

describe('the audit', () => {
  it('keeps the latest refusals of each plugin and counts all', () => {
    const audit = createAudit()
    const denied = (pluginId: string, at: number) =>
      audit.denied({ at, pluginId, verb: 'v', sessionId: null, reason: 'permission' })
    denied('quiet', 0)
    for (let at = 1; at < MAX_DENIALS + 5; at += 1) denied('loud', at)
    const times = audit.denials('loud').map(denial => denial.at)
    expect([times.length, times[0], times.at(-1)]).toEqual([MAX_DENIALS, 5, MAX_DENIALS + 4])
    expect(audit.counts('loud').denied).toBe(MAX_DENIALS + 4)
    // Who probes for ever hides nothing of what others did.
    expect(audit.denials().map(({ pluginId }) => pluginId)).toContain('quiet')
    audit.forget('loud')
    expect(audit.denials('loud')).toEqual([])
  })

  it('counts what was let through by the minute, for an hour', () => {
    const audit = createAudit()
    const minute = 60_000
    audit.allowed('bot', 'storage.get', 0)
    audit.allowed('bot', 'storage.get', minute - 1)
    audit.denied({ at: minute, pluginId: 'bot', verb: 'v', sessionId: null, reason: 'rate' })
    expect(audit.minutes('bot')).toEqual([
      { at: 0, allowed: { 'storage.get': 2 }, denied: 0 },
      { at: minute, allowed: {}, denied: 1 },
    ])
    for (let n = 2; n < 2 * MAX_MINUTES; n += 1) audit.allowed('bot', 'storage.set', n * minute)
    expect(audit.minutes('bot')).toHaveLength(MAX_MINUTES)
    expect(audit.counts('bot').allowed).toEqual({ 'storage.get': 2, 'storage.set': 2 * MAX_MINUTES - 2 })
  })
})
