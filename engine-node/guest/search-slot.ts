// The plugin's search provider: one function, the last that it has registered.
import { GatewayError } from '../../src/contract/errors.ts'
import type { SearchQuery } from '../../src/contract/search.ts'

export interface SearchSlot {
  register(handler: unknown): void
  /** Rejects with what the plugin throws. */
  run(query: SearchQuery): Promise<unknown>
}

export function createSearchSlot({ announce }: { announce(): void }): SearchSlot {
  let provider: ((query: SearchQuery) => unknown) | null = null
  return {
    register(handler) {
      if (typeof handler !== 'function')
        throw new TypeError('registerSearchProvider(handler) takes a function')
      provider = handler as typeof provider
      announce()
    },
    async run(query) {
      if (provider === null) throw new GatewayError('plugin_failed', 'There is no search provider')
      return await provider(query)
    },
  }
}
