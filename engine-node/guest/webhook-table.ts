// The plugin's handlers for webhooks from outside, one per route. What a handler throws means "try again later".
import { GatewayError } from '../../src/contract/errors.ts'
import { errorText } from './error-text.ts'

type WebhookHandler = (request: unknown) => unknown

export interface WebhookTable {
  register(route: unknown, handler: unknown): void
  /** Resolves when the handler is done; rejects with `plugin_failed`. */
  run(route: string, request: unknown): Promise<void>
}

/** `announce` tells the host of a route; whether the manifest declares it is for the host to know. */
export function createWebhookTable({ announce }: { announce(route: string): void }): WebhookTable {
  const handlers = new Map<string, WebhookHandler>()
  return {
    register(route, handler) {
      if (typeof route !== 'string' || typeof handler !== 'function')
        throw new TypeError('registerWebhook(route, handler) takes a name and a function')
      handlers.set(route, handler as WebhookHandler)
      announce(route)
    },
    async run(route, request) {
      const handler = handlers.get(route)
      if (handler === undefined) throw new GatewayError('plugin_failed', `No handler for the route ${route}`)
      try {
        await handler(request)
      } catch (cause) {
        throw new GatewayError('plugin_failed', errorText(cause), { cause })
      }
    },
  }
}
