// The shape of a verb's function: it gets arguments that fit its row, and knows for whom it acts.
import type { Verb, VerbArgs, VerbResult } from '../../src/contract/capabilities.ts'

/** Known by whose connection the call came in; nothing in a frame says who is calling. */
export interface CallOrigin {
  pluginId: string
  /** Hooks that the call was made from, as the guest tells them. */
  inFlight: readonly string[]
  /** Aborts when the call is withdrawn, its deadline passes or the plugin is stopped. */
  signal: AbortSignal
  /** Throws `capability_denied` if the plugin may no longer do this: to be called just before a late effect. */
  assertStillAllowed(): void
  /** Throws `capability_denied` unless the plugin may act on that session: for verbs that learn of it on the way. */
  assertActiveFor(sessionId: string): void
}

export type VerbFunction<V extends Verb> = (args: VerbArgs<V>, origin: CallOrigin) => Promise<VerbResult<V>>

/** One function per row of the table. A forgotten one does not compile. */
export type Verbs = { readonly [V in Verb]: VerbFunction<V> }
