// How a guest's Node is started: what it may read, and everything else switched off that Node can switch off.

export interface GuestFiles {
  /** Paths as the guest sees them. */
  guestFile: string
  packageDir: string
}

/** Switched off in every guest process. Each flag closes an escape that was seen to work without it. */
const CLOSED = [
  // node:sqlite opens any file past the permission model.
  '--no-experimental-sqlite',
  // Otherwise a signal opens the inspector.
  '--disable-sigusr1',
  '--disable-proto=delete',
  '--disallow-code-generation-from-strings',
]

/** No files but these, no network, no child processes, workers, addons, inspector or WASI. */
const reading = (...paths: string[]) => ['--permission', ...paths.map(path => `--allow-fs-read=${path}`)]

/** The arguments of Node up to and with the guest file. */
export function nodeFlags(
  { guestFile, packageDir }: GuestFiles,
  memoryMb: number,
  { read, write }: { read: readonly string[]; write: readonly string[] } = { read: [], write: [] },
): string[] {
  return [
    ...reading(guestFile, packageDir, ...read),
    ...write.flatMap(path => [`--allow-fs-read=${path}`, `--allow-fs-write=${path}`]),
    ...CLOSED,
    '--no-addons',
    `--max-old-space-size=${memoryMb}`,
    // Young objects would take 48 MB beside that by default, and are no faster for it.
    '--max-semi-space-size=4',
    guestFile,
  ]
}

export interface IsolateFiles {
  guestFile: string
  addonFile: string
  runtimeFile: string
}

/**
 * The same for a process of isolates. It has one addon, no plugin's files, and no bound on its heap by a flag, since V8
 * would take that for the bound of every isolate; the memory watch has one for the whole.
 */
export function isolateFlags({ guestFile, addonFile, runtimeFile }: IsolateFiles): string[] {
  return [
    ...reading(guestFile, addonFile, runtimeFile),
    ...CLOSED,
    '--allow-addons',
    // It counts in every isolate: at 4 each of them is 0.6 MB larger.
    '--max-semi-space-size=1',
    // Its log is the gateway's: of its own flags and of url.parse nobody needs to hear.
    '--disable-warning=SecurityWarning',
    '--disable-warning=DeprecationWarning',
    // isolated-vm cannot make isolates from Node's own start snapshot.
    '--no-node-snapshot',
    guestFile,
    addonFile,
    runtimeFile,
  ]
}
