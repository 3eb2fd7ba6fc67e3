// Entry of the guest inside an isolate. The host gives it two functions and the plugin's files, all of them text, and takes
// back what it may call. It is bundled into one file (tiers/isolate-bundle.ts).
import type { ContractFacts } from '../../guest/contract-facts.ts'
import { errorStack } from '../../guest/error-text.ts'
import { toPlugin } from '../../guest/plugin-export.ts'
import { createRuntime } from '../../guest/runtime.ts'
import { createTurnScopes } from '../../guest/turn-scopes.ts'
import { createTextChannel } from '../../rpc/text-channel.ts'
import { createRealm } from './realm.ts'

/** Written in by the bundler (tiers/isolate-bundle.ts). */
declare const CONTRACT_FACTS: ContractFacts

/** The host's functions: frames out, and one question with its answer. Both take and give text alone. */
export interface IsolateBridge {
  send(texts: string): void
  call(power: string, args: string): string
}

/** What the host calls. */
export interface IsolateEntry {
  deliver(texts: string): void
  woken(): void
  /** A promise was rejected and nobody listened. */
  rejected(what: string): void
  /** What a module gets that imports this: JSON of its code and name. */
  link(specifier: string, from: string): string
  /** The main module could not be loaded. */
  importFailed(why: string): void
}

export function start({ send, call }: IsolateBridge, filesText: string): IsolateEntry {
  const files = JSON.parse(filesText) as Record<string, string>
  const { require, esModules, timers, utf8Length } = createRealm({ call, files })
  const { channel, deliver } = createTextChannel({
    send,
    byteLength: utf8Length,
    defer: timers.globals.queueMicrotask,
  })
  const { logger } = createRuntime({
    channel,
    // A realm has one clock.
    clock: { now: Date.now, elapsed: Date.now, after: timers.after },
    scopes: createTurnScopes(),
    load: async main => toPlugin(esModules.isOne(main) ? await esModules.importMain(main) : require(main)),
    facts: CONTRACT_FACTS,
  })
  return {
    deliver,
    woken: timers.woken,
    link: esModules.link,
    importFailed: esModules.failed,
    rejected(what) {
      if (esModules.isLoading()) esModules.failed(String(what).split('\n')[0] ?? '')
      else logger.error('A promise was rejected and nobody listened', errorStack(what))
    },
  }
}
