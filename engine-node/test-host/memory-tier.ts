// A tier for tests: the guest runtime of production, in this process, over a channel in memory. It keeps no promise at all.
import { GatewayError } from '../../src/contract/errors.ts'
import type { Clock } from '../clock.ts'
import { contractFacts } from '../guest/contract-facts.ts'
import { toPlugin } from '../guest/plugin-export.ts'
import { createRuntime } from '../guest/runtime.ts'
import { createScopeStorage } from '../guest/scope.ts'
import { createLinkedPair } from '../rpc/memory-channel.ts'
import type { TierHost } from '../tiers/tier.ts'

/** `plugin` is what a main file exports: a class, an object, or a module with such a default. */
export function createMemoryTier({ plugin, clock }: { plugin: unknown; clock: Clock }): TierHost {
  return {
    tier: 'worker',
    missingPromises: ['The plugin runs in the process of its test.'],
    givesPaths: false,
    async open({ pluginId }) {
      const [channel, far] = createLinkedPair()
      createRuntime({
        channel: far,
        clock,
        scopes: createScopeStorage(),
        load: async () => toPlugin(plugin),
        facts: contractFacts,
      })
      return {
        channel,
        resolveMain: main => main,
        usage: async () => null,
        async [Symbol.asyncDispose]() {
          channel.close(
            new GatewayError('plugin_stopped', 'The plugin was stopped', { details: { pluginId } }),
          )
        },
      }
    },
    async [Symbol.asyncDispose]() {},
  }
}
