// What every tier offers: start a guest for one plugin, and say what this machine lets it promise.
import type { Tier } from '../../src/contract/plugin-view.ts'
import type { Channel } from '../rpc/channel.ts'

export interface GuestOptions {
  pluginId: string
  /** Absolute folder of the plugin's package; the guest sees it read-only and nothing else of the disk. */
  packageDir: string
  /** Heap and buffers together, in MiB. */
  memoryMb: number
  /** Absolute paths that it was given beside that, under the names they have here. Only where the tier gives paths. */
  filesystem?: { read: readonly string[]; write: readonly string[] }
  /** A line that the guest printed; already cut to a bound, still hostile text. */
  onOutput(line: string): void
}

/** One running guest. Disposing it ends it for certain, and resolves when its process is gone. */
export interface Guest extends AsyncDisposable {
  readonly channel: Channel
  /** The main path as the guest sees it, for the `load` call: its package may be mounted elsewhere. */
  resolveMain(main: string): string
  /** Memory and processor time used so far; null once it is gone. */
  usage(): Promise<{ memoryBytes: number; cpuMs: number } | null>
}

export interface TierHost extends AsyncDisposable {
  readonly tier: Tier
  /** Promises of this tier that do not hold on this machine, each a sentence; empty when all hold. */
  readonly missingPromises: readonly string[]
  /** Whether a guest can be shown files beside its package; only a sandbox keeps it to them. */
  readonly givesPaths: boolean
  /** Rejects with `plugin_crashed` when the guest cannot be started. */
  open(options: GuestOptions): Promise<Guest>
}
