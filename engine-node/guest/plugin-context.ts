// `ctx`, as plugins know it. Its capability members are made from the capability table: a new row needs nothing here.
import type { GuestLogger } from './guest-logger.ts'

export interface PluginContextDeps {
  pluginId: string
  /** Names such as `storage.get`; each becomes a method of the member before the dot. */
  verbs: readonly string[]
  call(verb: string, args: unknown[]): Promise<unknown>
  config(): Readonly<Record<string, unknown>>
  logger: GuestLogger
  registerHook(event: unknown, handler: unknown, priority: unknown): void
  registerWebhook(route: unknown, handler: unknown): void
  registerSearchProvider(handler: unknown): void
}

/** Plain objects and closures throughout, so that a method survives being taken off or bound to something else. */
export function createPluginContext(deps: PluginContextDeps): object {
  const members: Record<string, Record<string, unknown>> = {}
  for (const verb of deps.verbs) {
    const [member = '', method = ''] = verb.split('.')
    members[member] ??= {}
    members[member][method] = (...args: unknown[]) => deps.call(verb, args)
  }
  return {
    pluginId: deps.pluginId,
    get config() {
      return deps.config()
    },
    logger: deps.logger,
    registerHook: (event: unknown, handler: unknown, priority?: unknown) =>
      deps.registerHook(event, handler, priority),
    registerWebhook: (route: unknown, handler: unknown) => deps.registerWebhook(route, handler),
    registerSearchProvider: (handler: unknown) => deps.registerSearchProvider(handler),
    ...members,
  }
}
