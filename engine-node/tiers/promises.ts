// What each tier promises of a plugin, and by which layer of the machine: one row per promise. The records of plugins, the
// choice of a tier and the table in SECURITY.md are all read from here.
import { type Tier, tiers } from '../../src/contract/plugin-view.ts'

/** What a machine may have: Node's permission model, bubblewrap, a user id of the plugin's own, memory read from /proc, limits of the kernel, a filter of its calls, and its control groups. */
export const layers = {
  permissions: "Node's permission model",
  bubblewrap: 'bubblewrap',
  uid: 'another user id',
  watchdog: 'the memory watchdog (Linux)',
  limits: 'prlimit',
  filter: 'the system call filter of bubblewrap',
  groups: 'control groups',
} as const
export type Layer = keyof typeof layers

/** `always`: by what the tier is. A list: by any of these layers. `never`: the tier does not have it to give. */
type KeptBy = 'always' | 'never' | readonly Layer[]

interface PromiseRow {
  /** Of a plugin: it … */
  promise: string
  /** What an operator has to know where it does not hold. */
  missing: string
  /** Without it code of a stranger must not run. */
  boundary: boolean
  keptBy: Record<Tier, KeptBy>
}

export const promises = {
  files: {
    promise: 'reads and writes no file but its own package',
    missing: 'A plugin can read and write every file that the gateway can.',
    boundary: true,
    keptBy: { worker: 'never', process: ['permissions'], isolate: 'always' },
  },
  links: {
    promise: 'gets nowhere by a symbolic link in its package',
    missing: 'A symbolic link inside a package is followed to wherever it leads.',
    boundary: true,
    keptBy: { worker: 'never', process: ['bubblewrap', 'uid'], isolate: 'always' },
  },
  environment: {
    promise: "sees none of the gateway's environment variables",
    missing: "A plugin can read the gateway's environment by the files of /proc.",
    boundary: true,
    keptBy: { worker: 'never', process: ['permissions'], isolate: 'always' },
  },
  network: {
    promise: 'opens no connection, and reaches the network by the gateway alone',
    missing: 'A plugin can open connections by itself.',
    boundary: true,
    keptBy: { worker: 'never', process: ['permissions'], isolate: 'always' },
  },
  programs: {
    promise: 'starts no process and loads no native code',
    missing: 'A plugin can start programs.',
    boundary: true,
    keptBy: { worker: 'never', process: ['permissions'], isolate: 'always' },
  },
  signals: {
    promise: 'sends no signal to the gateway, to other plugins or to anything else',
    missing:
      'A plugin can send signals to the gateway and to other processes of the same user, and so end them.',
    boundary: true,
    keptBy: { worker: 'never', process: ['bubblewrap', 'uid'], isolate: 'always' },
  },
  secrets: {
    promise: "cannot open the gateway's database and keys even by a fault in Node",
    missing:
      "Only Node itself, and not the operating system, keeps a plugin from the gateway's database and keys.",
    boundary: true,
    keptBy: { worker: 'never', process: ['bubblewrap', 'uid'], isolate: ['bubblewrap', 'uid'] },
  },
  wall: {
    promise: 'reaches neither other files nor the network even by a fault in Node',
    missing:
      "Only Node's permission model keeps a plugin from other files and the network, not the operating system.",
    boundary: false,
    keptBy: { worker: 'never', process: ['bubblewrap'], isolate: ['bubblewrap'] },
  },
  plugins: {
    promise: 'sees nothing of other plugins',
    missing: 'A plugin can read what other plugins keep in files and in memory.',
    boundary: true,
    keptBy: { worker: 'never', process: ['permissions'], isolate: 'always' },
  },
  memory: {
    promise: 'uses no more memory than its share, in objects and in buffers',
    missing: 'Memory outside the JavaScript heap is not limited.',
    boundary: false,
    keptBy: { worker: 'never', process: ['watchdog', 'groups'], isolate: 'always' },
  },
  descriptors: {
    promise: 'opens no more files at a time than its share',
    missing: 'A plugin can open as many files at a time as the gateway.',
    boundary: false,
    keptBy: { worker: 'never', process: ['limits'], isolate: 'always' },
  },
  kernel: {
    promise: 'starts no process and finds no way into the kernel even by a fault in Node',
    missing:
      'Only Node itself, and not the kernel, keeps a plugin from starting processes and from calls of the kernel that no plugin needs.',
    boundary: false,
    keptBy: { worker: 'never', process: ['filter'], isolate: ['filter'] },
  },
  share: {
    promise: 'takes one core and its share of threads at most, and leaves the gateway the greater part',
    missing: 'A plugin can take as much of the processor as there is until its calls have used their time.',
    boundary: false,
    keptBy: { worker: 'never', process: ['groups'], isolate: ['groups'] },
  },
  processor: {
    promise: 'is ended when it does not answer in time',
    missing: 'A plugin that loops is not ended.',
    boundary: true,
    keptBy: { worker: 'always', process: 'always', isolate: 'always' },
  },
  gateway: {
    promise: 'cannot end the gateway by crashing',
    missing: 'A plugin can end the gateway: by one large object, or by the signals of the gateway itself.',
    boundary: true,
    keptBy: { worker: 'never', process: 'always', isolate: 'always' },
  },
  neighbours: {
    promise: 'ends alone when it crashes',
    missing: 'A plugin can end others of the same trust with it: they share a process.',
    boundary: false,
    keptBy: { worker: 'never', process: 'always', isolate: 'never' },
  },
  machine: {
    promise: 'does not learn process ids, user, host name and paths',
    missing: "A plugin sees the gateway's process id, user, host name and the paths of its own files.",
    boundary: false,
    keptBy: { worker: 'never', process: ['bubblewrap'], isolate: 'always' },
  },
} as const satisfies Record<string, PromiseRow>

export type PromiseName = keyof typeof promises

const rows: readonly PromiseRow[] = Object.values(promises)

function holds(row: PromiseRow, tier: Tier, present: ReadonlySet<Layer>): boolean {
  const keptBy = row.keptBy[tier]
  if (keptBy === 'always' || keptBy === 'never') return keptBy === 'always'
  return keptBy.some(layer => present.has(layer))
}

/** What does not hold in this tier on a machine with these layers, each a sentence. */
export function missingPromises(tier: Tier, present: ReadonlySet<Layer>): string[] {
  return rows.filter(row => !holds(row, tier, present)).map(({ missing }) => missing)
}

/** Those of them without which the code of a stranger must not run there. */
export function brokenBoundaries(tier: Tier, present: ReadonlySet<Layer>): string[] {
  return rows.filter(row => row.boundary && !holds(row, tier, present)).map(({ missing }) => missing)
}

/** All of it as a table in Markdown, for people. */
export function promiseTable(): string {
  const cell = (keptBy: KeptBy): string => {
    if (keptBy === 'always') return 'yes'
    if (keptBy === 'never') return 'no'
    return `with ${keptBy.map(layer => layers[layer]).join(' or ')}`
  }
  const lines = rows.map(({ promise, keptBy }) => [promise, ...tiers.map(tier => cell(keptBy[tier]))])
  return [['A plugin …', ...tiers.map(tier => `\`${tier}\``)], ['---', ...tiers.map(() => '---')], ...lines]
    .map(cells => `| ${cells.join(' | ')} |`)
    .join('\n')
}
