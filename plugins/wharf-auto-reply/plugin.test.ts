import { describe, expect, it } from 'vitest'
import type { HookHandler, IncomingMessage, PluginContext } from '../../src/contract/plugin.ts'
import AutoReply from './plugin.ts'

/** A context that records what the plugin does. */
function createContext(config: Record<string, unknown>) {
  const replies: unknown[][] = []
  const store = new Map<string, unknown>()
  let handler: HookHandler<'message:received'> | undefined
  const context: PluginContext = {
    pluginId: 'wharf-auto-reply',
    config,
    logger: { log() {}, debug() {}, warn() {}, error() {} },
    storage: {
      get: async key => store.get(key) ?? null,
      set: async (key, value) => void store.set(key, value),
      delete: async key => void store.delete(key),
      list: async () => [...store.keys()],
    },
    messages: {
      sendText: async () => ({ messageId: 'OUT', timestamp: 1 }),
      reply: async (...args) => {
        replies.push(args)
        return { messageId: 'OUT', timestamp: 1 }
      },
    },
    registerHook: (_event, registered) => {
      handler = registered as unknown as HookHandler<'message:received'>
    },
  }
  new AutoReply().onEnable(context)
  const receive = async (message: Partial<IncomingMessage>, source: 'Engine' | 'MessageService' = 'Engine') =>
    handler?.({
      event: 'message:received',
      sessionId: 'S',
      source,
      timestamp: new Date(0),
      data: {
        id: 'IN',
        from: '2@c.us',
        to: '1@c.us',
        chatId: '2@c.us',
        body: '',
        type: 'text',
        timestamp: 100,
        fromMe: false,
        isGroup: false,
        kind: 'individual',
        ...message,
      },
    })
  return { replies, receive }
}

const rules = [
  { keyword: 'help', answer: 'Here is help' },
  { keyword: 'hours', answer: '9 to 5' },
]

describe('auto reply', () => {
  it('replies to the message that holds a keyword, whatever its case', async () => {
    const { receive, replies } = createContext({ rules })
    await receive({ body: 'Please HELP me' })
    expect(replies).toEqual([['S', '2@c.us', 'IN', 'Here is help']])
  })

  it.each([
    ['no keyword', { body: 'hello' }, 'Engine'],
    ['its own message', { body: 'help', fromMe: true }, 'Engine'],
    ['a group', { body: 'help', isGroup: true }, 'Engine'],
    ['another source', { body: 'help' }, 'MessageService'],
    ['no text', { body: '' }, 'Engine'],
  ] as const)('keeps silent for %s', async (_, message, source) => {
    const { receive, replies } = createContext({ rules })
    await receive(message, source)
    expect(replies).toEqual([])
  })

  it('answers in groups when told to', async () => {
    const { receive, replies } = createContext({ rules, inGroups: true })
    await receive({ body: 'hours?', isGroup: true, chatId: 'g@g.us' })
    expect(replies).toEqual([['S', 'g@g.us', 'IN', '9 to 5']])
  })

  it('answers a chat once in the configured time, and again after it', async () => {
    const { receive, replies } = createContext({ rules, onceInSeconds: 60 })
    for (const timestamp of [100, 159, 160]) await receive({ body: 'help', timestamp })
    await receive({ body: 'help', timestamp: 161, chatId: '3@c.us' })
    expect(replies.length).toBe(3)
  })

  it('lives with a configuration that makes no sense', async () => {
    const { receive, replies } = createContext({
      rules: [null, { keyword: 1 }, 'x', ...rules],
      onceInSeconds: 'soon',
    })
    await receive({ body: 'help' })
    expect(replies.length).toBe(1)
    await createContext({}).receive({ body: 'help' })
  })
})
