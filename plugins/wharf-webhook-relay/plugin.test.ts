import { afterEach, describe, expect, it } from 'vitest'
import { createTestHost, type TestHost } from '../../engine-node/test-host/test-host.ts'
import manifest from './manifest.json' with { type: 'json' }
import WebhookRelay from './plugin.ts'

const OPS = '15550000007@c.us'
let host: TestHost
const start = async (config: Record<string, unknown> = {}) => {
  host = await createTestHost({ manifest, plugin: WebhookRelay, config: { chatId: OPS, ...config } })
}
afterEach(() => host[Symbol.asyncDispose]())

const post = (body: unknown, more = {}) => host.webhook('message', { body, sessionId: host.session, ...more })
const texts = () => host.sent.map(({ text }) => text)

describe('webhook relay', () => {
  it('sends what the body says, to the configured chat', async () => {
    await start()
    await post({ text: 'The oven is on fire' })
    expect(host.sent).toMatchObject([
      { sessionId: host.session, chatId: OPS, type: 'text', text: 'The oven is on fire' },
    ])
  })

  it('fills the words of the operator with fields of the body', async () => {
    await start({ template: '{alert.name} is {alert.state} ({count}){gone}{alert.gone.deep}{constructor}' })
    await post({ alert: { name: 'Disk', state: 'full' }, count: 3 })
    expect(texts()).toEqual(['Disk is full (3)'])
  })

  it('sends one delivery once, however often it comes', async () => {
    await start()
    for (const deliveryId of ['a', 'a', 'b', 'a']) await post({ text: deliveryId }, { deliveryId })
    expect(texts()).toEqual(['a', 'b'])
  })

  it('takes plain text as it is', async () => {
    await start()
    for (const body of ['just words', '[1]']) await post(body)
    expect(texts()).toEqual(['just words', '[1]'])
  })

  it('lets the body name the chat only when told to', async () => {
    await start()
    await post({ text: 'x', chatId: '15550000008@c.us' })
    await host.configure({ chatFromBody: true })
    await post({ text: 'x', chatId: '15550000008@c.us' })
    expect(host.sent.map(({ chatId }) => chatId)).toEqual([OPS, '15550000008@c.us'])
  })

  it('takes the session from its settings where the instance is for all', async () => {
    await start({ sessionId: '5e551011-0000-4000-8000-000000000001' })
    await post({ text: 'x' }, { sessionId: undefined })
    expect(texts()).toEqual(['x'])
  })

  it('drops what it cannot place and says so; there is no use in trying again', async () => {
    await start({ chatId: '' })
    await post({ text: 'x' })
    expect(host.sent).toEqual([])
    expect(host.log).toMatchObject([{ level: 'warn', message: expect.stringContaining('dropped') }])
  })

  it('asks for another try when the session is down', async () => {
    await start()
    await expect(post({ text: 'x' }, { sessionId: '5e551011-0000-4000-8000-00000000dead' })).rejects.toThrow(
      'has no active engine',
    )
    expect(host.storage.size).toBe(0)
  })
})
