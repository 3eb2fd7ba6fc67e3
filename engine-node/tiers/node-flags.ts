// How a guest's Node is started: what it may read, and everything else switched off that Node can switch off.

export interface GuestFiles {
  /** Paths as the guest sees them. */
  guestFile: string
  packageDir: string
}

/** The arguments of Node up to and with the guest file. Each flag closes an escape that was seen to work without it. */
export function nodeFlags({ guestFile, packageDir }: GuestFiles, memoryMb: number): string[] {
  return [
    // No files but these two, no network, no child processes, workers, addons, inspector or WASI.
    '--permission',
    `--allow-fs-read=${guestFile}`,
    `--allow-fs-read=${packageDir}`,
    // node:sqlite opens any file past the permission model.
    '--no-experimental-sqlite',
    // Otherwise a signal opens the inspector.
    '--disable-sigusr1',
    '--no-addons',
    '--disable-proto=delete',
    '--disallow-code-generation-from-strings',
    `--max-old-space-size=${memoryMb}`,
    // Young objects would take 48 MB beside that by default, and are no faster for it.
    '--max-semi-space-size=4',
    guestFile,
  ]
}
