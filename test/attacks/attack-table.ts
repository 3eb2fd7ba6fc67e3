// Every attack that is run, one row each: the plugin, what it is given, what strikes, and how it must end. The numbers are those
// of the catalogue of sandbox escapes that SECURITY.md names. What a tier does not promise is not struck there (`promise`).

import type { PromiseName } from '../../engine-node/tiers/promises.ts'
import type { Grants } from '../../src/contract/grants.ts'
import type { Tier } from '../../src/contract/plugin-view.ts'

/** `refused`: no try got anything, and the plugin goes on. `ends`: it was ended, for this reason. `contained`: either of them. */
export type Ending = { refused: true } | { contained: true } | { ends: RegExp } | { fails: RegExp }

export interface Attack {
  row: number
  /** Its file in plugins/ is `NN-name.js`. */
  name: string
  /** What keeps it in. Where the tier does not promise that here, the attack is not run, and its record must say so. */
  promise: PromiseName | null
  ending: Ending
  /** Endings that differ in one tier; null where there is nothing there to attack. */
  in?: Partial<Record<Tier, Ending | null>>
  /** What strikes after it was enabled. By default its health is asked for. */
  strike?: 'health' | 'session' | 'health and session' | 'disable' | 'health and disable' | 'nothing'
  asks?: Grants
  permissions?: readonly string[]
  /** More of the same, at once. */
  copies?: number
  /** How long until the end may take. */
  withinMs?: number
}

const files = { modules: ['fs'] }
const quick = { limits: { cpuMs: 300 } }
const storage = ['storage:use']
const everything = ['storage:use', 'messages:send', 'engine:read', 'net:fetch', 'conversation:send']
const refused = { refused: true } as const
const contained = { contained: true } as const
const memory = { ends: /memory|was ended by SIG|exited with|ran out/i }
const slow = { ends: /processor time|did not answer/ }

export const attacks: readonly Attack[] = [
  // Reading what it must not.
  { row: 1, name: 'read-files', promise: 'files', ending: refused, asks: files },
  { row: 2, name: 'sqlite', promise: 'files', ending: refused },
  { row: 3, name: 'environment', promise: 'environment', ending: refused, asks: files },
  { row: 4, name: 'symlink', promise: 'links', ending: refused, asks: files },
  { row: 6, name: 'descriptors', promise: 'files', ending: refused, asks: files },
  { row: 7, name: 'module-cache', promise: 'files', ending: refused },
  { row: 8, name: 'back-doors', promise: 'programs', ending: refused, permissions: storage },
  // Text that becomes code in an isolate is as poor as all code there: nothing in it leads out.
  { row: 8, name: 'code-from-text', promise: 'programs', ending: refused, in: { isolate: null } },
  { row: 9, name: 'other-plugins-values', promise: null, ending: refused, permissions: storage },
  { row: 10, name: 'foreign-session', promise: null, ending: refused, permissions: everything },
  { row: 11, name: 'error-probing', promise: null, ending: refused, permissions: everything },
  // Getting out.
  { row: 13, name: 'processes', promise: 'programs', ending: refused },
  { row: 14, name: 'workers', promise: 'programs', ending: refused },
  { row: 15, name: 'native-code', promise: 'programs', ending: refused },
  { row: 17, name: 'signals', promise: 'signals', ending: refused, asks: { modules: ['os'] } },
  { row: 17, name: 'group-signals', promise: 'signals', ending: contained },
  { row: 19, name: 'exit', promise: 'gateway', ending: { ends: /exited|ended/ } },
  { row: 19, name: 'abort', promise: 'gateway', ending: { ends: /SIG|exited|ended/ } },
  { row: 20, name: 'constructor-climb', promise: 'environment', ending: refused, permissions: storage },
  { row: 21, name: 'leaked-handles', promise: null, ending: refused },
  {
    row: 23,
    name: 'symbols',
    promise: null,
    ending: contained,
    strike: 'health and session',
    permissions: storage,
  },
  { row: 24, name: 'promises', promise: null, ending: contained, strike: 'health and session' },
  { row: 26, name: 'patched-builtins', promise: null, ending: contained, strike: 'health and session' },
  { row: 27, name: 'raw-channel', promise: null, ending: refused },
  { row: 29, name: 'later-escapes', promise: 'environment', ending: refused, permissions: storage },
  { row: 35, name: 'missing-permission', promise: null, ending: refused },
  // Lying on the wire. Only a process has the pipe in its hands.
  ...[
    { row: 31, name: 'bad-frames', ending: { ends: /Broke the protocol/ } },
    { row: 31, name: 'no-frame', ending: { ends: /frame|JSON/i } },
    { row: 32, name: 'names-of-objects', ending: refused, permissions: storage },
    { row: 34, name: 'forged-identity', ending: contained, permissions: storage },
    { row: 35, name: 'other-spelling', ending: refused },
    {
      row: 36,
      name: 'raw-burst',
      ending: { ends: /more calls and events|more frames|processor time/ },
      withinMs: 30_000,
    },
    { row: 37, name: 'large-frame', ending: { ends: /frame|large/i } },
  ].map(row => ({ ...row, promise: null, asks: files, in: { worker: null, isolate: null } })),
  { row: 36, name: 'open-calls', promise: null, ending: contained, permissions: storage },
  {
    row: 36,
    name: 'million-frames',
    promise: 'gateway',
    ending: { ends: /more calls and events|more frames|processor time|memory|SIGABRT/ },
  },
  {
    row: 37,
    name: 'odd-values',
    promise: 'gateway',
    ending: contained,
    strike: 'health and session',
    permissions: storage,
  },
  { row: 38, name: 'endless-hook', promise: null, ending: contained, strike: 'health and session' },
  {
    row: 40,
    name: 'late-effects',
    promise: null,
    ending: refused,
    strike: 'health and disable',
    permissions: storage,
  },
  // Eating the machine.
  { row: 41, name: 'small-objects', promise: 'memory', ending: memory },
  { row: 41, name: 'growing-array', promise: 'gateway', ending: memory },
  { row: 41, name: 'huge-string', promise: 'gateway', ending: memory },
  { row: 42, name: 'buffers', promise: 'memory', ending: memory, in: { isolate: contained } },
  { row: 42, name: 'wasm-memory', promise: 'memory', ending: memory, in: { isolate: contained } },
  { row: 42, name: 'scrypt', promise: 'memory', ending: contained },
  { row: 42, name: 'inflate-bomb', promise: 'memory', ending: memory, in: { isolate: contained } },
  {
    row: 43,
    name: 'loop-at-top',
    promise: 'processor',
    ending: { fails: /processor time/ },
    strike: 'nothing',
  },
  { row: 43, name: 'loop-in-hook', promise: 'processor', ending: slow, strike: 'session', asks: quick },
  { row: 43, name: 'loop-in-answer', promise: 'processor', ending: slow, strike: 'session', asks: quick },
  { row: 43, name: 'loop-of-promises', promise: 'processor', ending: slow, strike: 'session', asks: quick },
  {
    row: 43,
    name: 'garbage-loop',
    promise: 'processor',
    ending: { ends: /processor time|did not answer|memory|SIGABRT/ },
    strike: 'session',
    asks: quick,
  },
  { row: 43, name: 'loop-in-timer', promise: 'processor', ending: slow, asks: quick },
  { row: 43, name: 'loop-at-unload', promise: 'processor', ending: refused, strike: 'disable' },
  {
    row: 43,
    name: 'sleep',
    promise: 'processor',
    ending: slow,
    strike: 'session',
    withinMs: 15_000,
    in: { isolate: contained },
  },
  { row: 44, name: 'regular-expression', promise: 'processor', ending: slow, strike: 'session', asks: quick },
  { row: 46, name: 'deep', promise: 'gateway', ending: contained, permissions: storage },
  { row: 48, name: 'disk', promise: null, ending: refused, permissions: storage },
  { row: 48, name: 'huge-value', promise: 'gateway', ending: contained, permissions: storage },
  { row: 49, name: 'log-flood', promise: null, ending: contained },
  {
    row: 50,
    name: 'descriptors',
    promise: 'descriptors',
    ending: refused,
    asks: files,
  },
  { row: 52, name: 'starvation', promise: 'processor', ending: contained, copies: 20 },
  { row: 53, name: 'crash-loop', promise: 'gateway', ending: { ends: /exited|ended/ }, strike: 'nothing' },
  // The network.
  {
    row: 54,
    name: 'sockets',
    promise: 'network',
    ending: refused,
    asks: { modules: ['net', 'http', 'https', 'tls', 'dns'] },
    permissions: ['net:fetch'],
  },
  // Package.
  { row: 60, name: 'own-files', promise: 'files', ending: refused, asks: files },
  { row: 61, name: 'poisoned-modules', promise: 'files', ending: refused },
]

/** Rows that no plugin shows, or not to the end, and where they are shown. */
export const shownElsewhere: Readonly<Record<number, string>> = {
  // Compiled code is never taken: what a package may hold is judged by its kind.
  30: 'engine-node/plugins/archive.test.ts',
  // What is taken away while a call is under way.
  35: 'engine-node/broker/broker.test.ts',
  // Patterns that plugins hand to the host.
  44: 'src/contract/safe-pattern.test.ts',
  55: 'engine-node/net/guarded-fetch.test.ts',
  59: 'engine-node/net/guarded-fetch.test.ts',
  // Files of a package that change after they were judged.
  60: 'engine-node/plugins/catalogue.test.ts',
  62: 'engine-node/plugins/update.test.ts',
  65: 'src/contract/plugin-config.test.ts',
  66: 'src/api/routes/ingress.test.ts',
}

/** What there is nothing here to attack by. */
export const noSurface: Readonly<Record<number, string>> = {
  63: 'the page of a plugin is served in a sandbox of its own, and no page of the gateway frames it',
  64: 'no page of the gateway listens to one of a plugin',
}

/** What no sandbox stops, and SECURITY.md says so. */
export const notPromised: Readonly<Record<number, string>> = {
  57: 'a plugin that may send messages can put what it knows into a message',
}
