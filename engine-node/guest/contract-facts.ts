// What a guest has to know of the contract's tables: names and numbers. The bundler writes them into every guest, without the
// tables, whose schemas are a megabyte (tiers/guest-bundle.ts).
import { capabilities, SEND_TIMEOUT_MS } from '../../src/contract/capabilities.ts'
import { DEFAULT_PRIORITY, hooks } from '../../src/contract/hooks.ts'

export const contractFacts = {
  /** The verbs of the capability table. */
  verbs: Object.keys(capabilities),
  hooks: Object.keys(hooks),
  /** Priority of a handler that names none. */
  defaultPriority: DEFAULT_PRIORITY,
  /** The host has a deadline for each verb; this one only keeps a promise from waiting for ever. */
  callTimeoutMs: 2 * SEND_TIMEOUT_MS,
} as const
export type ContractFacts = typeof contractFacts
