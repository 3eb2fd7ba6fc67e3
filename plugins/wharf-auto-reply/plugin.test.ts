import { afterEach, describe, expect, it } from 'vitest'
import { createTestHost, type TestHost } from '../../engine-node/test-host/test-host.ts'
import type { IncomingMessage } from '../../src/contract/plugin.ts'
import manifest from './manifest.json' with { type: 'json' }
import AutoReply from './plugin.ts'

const hosts: TestHost[] = []
afterEach(async () => {
  for (const host of hosts.splice(0)) await host[Symbol.asyncDispose]()
})

/** The plugin in a gateway of its own. */
async function start(config: Record<string, unknown> = {}) {
  const host = await createTestHost({ manifest, plugin: AutoReply, config })
  hosts.push(host)
  const { session: sessionId } = host
  const receive = (message: Partial<IncomingMessage>) => host.receive({ id: 'IN', ...message })
  return { host, sessionId, receive }
}

const rules = [
  { keyword: 'help', answer: 'Here is help' },
  { keyword: 'hours', answer: '9 to 5' },
]

describe('auto reply', () => {
  it('replies to the message that holds a keyword, whatever its case', async () => {
    const { host, sessionId, receive } = await start({ rules })
    await receive({ body: 'Please HELP me' })
    expect(host.sent).toMatchObject([
      { sessionId, chatId: '15550000002@c.us', type: 'reply', quotedMessageId: 'IN', text: 'Here is help' },
    ])
  })

  it('has an answer from the start', async () => {
    const { host, receive } = await start()
    await receive({ body: 'help' })
    expect(host.sent).toMatchObject([{ text: expect.stringContaining('opening hours') }])
  })

  it.each([
    ['no keyword', { body: 'hello' }],
    ['its own message', { body: 'help', fromMe: true }],
    ['a group', { body: 'help', chatId: '120@g.us' }],
    ['no text', { body: '' }],
  ])('keeps silent for %s', async (_, message) => {
    const { host, receive } = await start({ rules })
    await receive(message)
    expect(host.sent).toEqual([])
  })

  it('keeps silent for what another source repeats', async () => {
    const { host, receive } = await start({ rules })
    const { data } = await receive({ body: 'nothing' })
    await host.fire('message:received', { ...data, body: 'help' }, { source: 'MessageService' })
    expect(host.sent).toEqual([])
  })

  it('answers in groups when told to', async () => {
    const { host, receive } = await start({ rules, inGroups: true })
    await receive({ body: 'hours?', chatId: '120@g.us' })
    expect(host.sent).toMatchObject([{ chatId: '120@g.us', text: '9 to 5' }])
  })

  it('answers a chat once in the configured time, and again after it', async () => {
    const { host, receive } = await start({ rules, onceInSeconds: 60 })
    for (const timestamp of [100, 159, 160]) await receive({ body: 'help', timestamp })
    await receive({ body: 'help', timestamp: 161, chatId: '15550000003@c.us' })
    expect(host.sent.length).toBe(3)
  })

  it('lives with rules that make no sense', async () => {
    const { host, receive } = await start({ rules: [null, {}, { keyword: '', answer: 'x' }, ...rules] })
    await receive({ body: 'help' })
    expect(host.sent.length).toBe(1)
  })
})
