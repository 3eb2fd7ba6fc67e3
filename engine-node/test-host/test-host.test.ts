import { afterEach, describe, expect, it } from 'vitest'
import { MAX_CALLS_IN_FLIGHT } from '../../src/contract/capabilities.ts'
import type { Plugin, PluginContext } from '../../src/contract/plugin.ts'
import { createTestHost, type TestHost, type TestHostOptions } from './test-host.ts'

const base = { id: 'p', name: 'P', version: '1.0.0', type: 'extension', main: 'index.js' }
const hosts: TestHost[] = []
afterEach(async () => {
  for (const host of hosts.splice(0)) await host[Symbol.asyncDispose]()
})

async function start(
  plugin: Plugin,
  manifest: Record<string, unknown> = {},
  options: Partial<TestHostOptions> = {},
) {
  const host = await createTestHost({ manifest: { ...base, ...manifest }, plugin, ...options })
  hosts.push(host)
  return host
}

/** A plugin that hands its context to the test. */
function open(manifest: Record<string, unknown> = {}, options: Partial<TestHostOptions> = {}) {
  const held = Promise.withResolvers<PluginContext>()
  const plugin: Plugin = { onEnable: context => held.resolve(context) }
  return start(plugin, manifest, options).then(async host => ({ host, ctx: await held.promise }))
}

describe('a plugin under test', () => {
  it('is judged by its manifest, as an install would', async () => {
    await expect(start({}, { permissions: ['shell:run'] })).rejects.toThrow('Unknown permission: "shell:run"')
    const { host, ctx } = await open()
    await expect(ctx.messages.sendText(host.session, '1555@c.us', 'hi')).rejects.toThrow(
      "missing the 'messages:send' permission",
    )
    expect(host.denials).toMatchObject([{ verb: 'messages.sendText', reason: 'permission' }])
  })

  it('does not start when onEnable throws', async () => {
    const failing = { onEnable: () => Promise.reject(new Error('no key is set')) }
    await expect(start(failing)).rejects.toThrow('no key is set')
  })

  it('hears of messages and answers them, with its configuration', async () => {
    const host = await start(
      {
        onLoad: ctx =>
          ctx.registerHook('message:received', async ({ data, sessionId }) => {
            await ctx.messages.reply(sessionId ?? '', data.chatId, data.id, String(ctx.config.word))
          }),
      },
      {
        permissions: ['messages:send'],
        configSchema: { type: 'object', properties: { word: { type: 'string', default: 'hello' } } },
      },
    )
    await host.receive({ body: 'x' })
    await host.configure({ word: 'bye' })
    await host.receive()
    expect(host.sent).toMatchObject([
      { chatId: '15550000002@c.us', text: 'hello', type: 'reply', quotedMessageId: 'IN1' },
      { text: 'bye', quotedMessageId: 'IN2' },
    ])
    await expect(host.configure({ word: 5 })).rejects.toThrow('word must be a string')
    await host.disable()
    await host.receive()
    expect(host.sent).toHaveLength(2)
  })

  it('reaches the hosts of its manifest, and bytes arrive as they are', async () => {
    const seen: Uint8Array[] = []
    const { ctx } = await open(
      { permissions: ['net:fetch'], net: { allow: ['api.example'] } },
      {
        server({ body, url, method }) {
          seen.push(body)
          return { status: 201, headers: { 'x-a': '1' }, body: `${method} ${url}` }
        },
      },
    )
    const body = Uint8Array.from({ length: 256 }, (_, byte) => byte)
    expect(await ctx.net.fetch('https://api.example/up', { method: 'post', body })).toEqual({
      ok: true,
      status: 201,
      statusText: '',
      headers: { 'x-a': '1' },
      body: 'POST https://api.example/up',
    })
    expect(seen).toEqual([body])
    await expect(ctx.net.fetch('https://other.example/')).rejects.toThrow(
      'Plugin p may not fetch https://other.example/ — add its host to net.allow or net.allowConfigHosts',
    )
  })

  it('keeps what it stores, lists it, and is held to its quota to the byte', async () => {
    const { ctx, host } = await open({ permissions: ['storage:use'] }, { quotaBytes: 20 })
    await ctx.storage.set('a:b@c', { n: 1 })
    expect(await ctx.storage.get('a:b@c')).toEqual({ n: 1 })
    await ctx.storage.set('k', 'x'.repeat(5))
    expect(await ctx.storage.list()).toEqual(['a:b@c', 'k'])
    await expect(ctx.storage.set('k', 'x'.repeat(6))).rejects.toThrow('storage quota exceeded')
    await ctx.storage.delete('a:b@c')
    expect([...host.storage.keys()]).toEqual(['k'])
  })

  it('has 32 calls open at most', async () => {
    const waiting: (() => void)[] = []
    const { ctx } = await open(
      { permissions: ['storage:use'] },
      { verbs: { 'storage.get': () => new Promise(resolve => waiting.push(() => resolve(null))) } },
    )
    const open32 = Array.from({ length: MAX_CALLS_IN_FLIGHT }, () => ctx.storage.get('k'))
    await expect(ctx.storage.get('k')).rejects.toThrow('too many concurrent capability calls (limit 32)')
    for (const end of waiting) end()
    await Promise.all(open32)
  })

  it('may refuse what is sent, by the API and by itself', async () => {
    const host = await start(
      {
        onLoad(ctx) {
          ctx.registerHook('message:sending', ({ data }) => ({
            continue: !String(data.input.text).includes('secret'),
          }))
          ctx.registerHook('message:received', async ({ data, sessionId = '' }) => {
            await ctx.messages.sendText(sessionId, data.chatId, data.body)
          })
        },
      },
      { permissions: ['messages:send'] },
    )
    await host.send({ text: 'fine' })
    await expect(host.send({ text: 'a secret' })).rejects.toMatchObject({ code: 'sending_blocked' })
    await host.receive({ body: 'a secret' })
    expect(host.sent.map(({ text }) => text)).toEqual(['fine'])
    expect(host.hookFailures).toMatchObject([{ error: 'Message sending blocked by plugin' }])
  })

  it('takes webhooks, and tells what its handler throws', async () => {
    const got: unknown[] = []
    const host = await start(
      {
        onLoad: ctx =>
          ctx.registerWebhook('in', request => {
            got.push([JSON.parse(request.body), ctx.config.key])
            if (request.query.fail) throw new Error('try again')
          }),
      },
      {
        permissions: ['webhook:ingress'],
        sdkVersion: '1',
        ingress: [{ route: 'in', signature: { scheme: 'shared-secret', header: 'X-Key' } }],
      },
    )
    await host.webhook('in', { body: { a: 1 } }, { config: { key: 'k' } })
    expect(got).toEqual([[{ a: 1 }, 'k']])
    await expect(host.webhook('in', { query: { fail: '1' } })).rejects.toThrow('try again')
    await expect(host.webhook('out')).rejects.toThrow('No handler for the route out')
  })

  it('provides searches where its manifest asks for that', async () => {
    const plugin: Plugin = {
      onLoad: ctx => ctx.registerSearchProvider(({ q }) => ({ hits: [{ messageId: q }] })),
    }
    const query = { q: 'word', limit: 10, offset: 0 }
    const wait = { timeoutMs: 1_000 }
    const allowed = await start(plugin, { permissions: ['search:provide'] })
    expect(await allowed.search(query, wait)).toEqual({ hits: [{ messageId: 'word' }] })
    const denied = await start(plugin)
    expect(() => denied.search(query, wait)).toThrow('no search provider')
  })

  it('writes a log that the test can read', async () => {
    const { host, ctx } = await open()
    ctx.logger.warn('careful', { at: 1 })
    await host.health()
    expect(host.log).toMatchObject([{ level: 'warn', message: 'careful', fields: { meta: '{"at":1}' } }])
  })
})
