// The types that an author imports say what the tables say: a verb or a hook that is added without them does not compile.
import type * as v from 'valibot'
import { describe, expect, expectTypeOf, it } from 'vitest'
import { createPluginContext } from '../engine-node/guest/plugin-context.ts'
import { capabilities, type Verb } from '../src/contract/capabilities.ts'
import type { HookName as TableHook } from '../src/contract/hooks.ts'
import type { HookContext, HookName, IncomingMessage, Plugin, PluginContext } from '../src/contract/plugin.ts'

/** The method of the context that a verb stands for; never where the context has none. */
type Method<V extends Verb> = V extends `${infer Member}.${infer Name}`
  ? Member extends keyof PluginContext
    ? Name extends keyof PluginContext[Member]
      ? PluginContext[Member][Name]
      : never
    : never
  : never

type Untyped = { [V in Verb]: [Method<V>] extends [never] ? V : never }[Verb]

type Answer<V extends Verb> = Method<V> extends (...args: never[]) => Promise<infer R> ? R : never
type TableAnswer<V extends Verb> = v.InferOutput<(typeof capabilities)[V]['result']>
/** What the table answers must be usable as what the author was promised; null stands for nothing. */
type Broken = {
  [V in Verb]: TableAnswer<V> extends Answer<V> ? never : TableAnswer<V> extends null ? never : V
}[Verb]

type Arguments<V extends Verb> = Method<V> extends (...args: infer A) => unknown ? A : never
/** What an author may pass must be taken; bytes of a request are wrapped on the way. */
type Refused = {
  [V in Exclude<Verb, 'net.fetch'>]: Required<Arguments<V>> extends Required<
    v.InferInput<(typeof capabilities)[V]['args']>
  >
    ? never
    : V
}[Exclude<Verb, 'net.fetch'>]

describe('the context', () => {
  it('has a method for every verb, with its arguments and its answer', () => {
    expectTypeOf<Untyped>().toEqualTypeOf<never>()
    expectTypeOf<Broken>().toEqualTypeOf<never>()
    expectTypeOf<Refused>().toEqualTypeOf<never>()
  })

  it('is at work what the types say', () => {
    const members = {
      pluginId: true,
      config: true,
      logger: true,
      storage: true,
      messages: true,
      engine: true,
      net: true,
      conversations: true,
      handover: true,
      mappings: true,
      registerHook: true,
      registerWebhook: true,
      registerSearchProvider: true,
    } satisfies Record<keyof PluginContext, true>
    const context = createPluginContext({
      pluginId: 'p',
      verbs: Object.keys(capabilities),
      call: async () => null,
      config: () => ({}),
      logger: {} as never,
      registerHook() {},
      registerWebhook() {},
      registerSearchProvider() {},
    }) as Record<string, Record<string, unknown>>
    expect(Object.keys(context).sort()).toEqual(Object.keys(members).sort())
    for (const verb of Object.keys(capabilities)) {
      const [member = '', method = ''] = verb.split('.')
      expect(context[member]?.[method]).toBeTypeOf('function')
    }
  })
})

describe('hooks', () => {
  it('are those of the table, each with its own data', () => {
    expectTypeOf<HookName>().toEqualTypeOf<TableHook>()
    expectTypeOf<HookContext<'message:received'>['data']>().toEqualTypeOf<IncomingMessage>()
    expectTypeOf<HookContext<'message:ack'>['data']['messageId']>().toEqualTypeOf<string>()
    expectTypeOf<HookContext<'session:qr'>['data']>().toEqualTypeOf<{ sessionId: string }>()
  })

  it('refuse names and answers that mean nothing', () => {
    const plugin: Plugin = {
      onLoad(ctx) {
        ctx.registerHook('message:received', ({ data }) => ({ continue: data.fromMe }))
        // @ts-expect-error: there is no such hook.
        ctx.registerHook('message:recieved', () => {})
        // @ts-expect-error: an answer is an object or nothing.
        ctx.registerHook('message:received', () => 'no')
        // @ts-expect-error: a key of the storage is a text.
        void ctx.storage.get(5)
      },
    }
    expect(plugin).toBeTypeOf('object')
  })
})
