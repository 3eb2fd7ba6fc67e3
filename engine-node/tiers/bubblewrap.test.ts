import { describe, expect, it } from 'vitest'
import { bubblewrapArguments, INSIDE, parseLibraries } from './bubblewrap.ts'
import { nodeFlags } from './node-flags.ts'

const sandbox = {
  bwrap: '/usr/bin/bwrap',
  libraries: ['/lib/libc.so.6', '/lib64/ld-linux.so.2'],
  filter: Uint8Array.of(6, 0, 0, 0, 0, 0, 0, 0),
}
const files = { guestFile: '/data/guest-1.cjs', packageDir: '/data/plugins/bot/abc' }
const mounts = { nodePath: '/opt/node', files }

/** The values of each option, in order: `['--proc', '/proc']` as `--proc: ['/proc']`. */
function options(args: readonly string[]): [string, string[]][] {
  const found: [string, string[]][] = []
  for (const arg of args) {
    if (arg.startsWith('--')) found.push([arg, []])
    else found.at(-1)?.[1].push(arg)
  }
  return found
}

describe('the sandbox', () => {
  const args = bubblewrapArguments(sandbox, mounts, 7)

  it.each(['--unshare-all', '--die-with-parent', '--new-session', '--remount-ro'])('has %s', option =>
    expect(args).toContain(option),
  )

  it('drops every capability', () => expect(options(args)).toContainEqual(['--cap-drop', ['ALL']]))

  it('shows what the guest needs and nothing else, all of it read-only', () => {
    const shown = options(args).filter(([option]) =>
      /bind|overlay|tmpfs|proc|dev$|dir$|symlink|file/.test(option),
    )
    expect(shown).toEqual([
      ['--ro-bind', ['/lib/libc.so.6', '/lib/libc.so.6']],
      ['--ro-bind', ['/lib64/ld-linux.so.2', '/lib64/ld-linux.so.2']],
      ['--proc', ['/proc']],
      ['--dev', ['/dev']],
      ['--ro-bind', ['/opt/node', INSIDE.node]],
      ['--ro-bind', ['/data/guest-1.cjs', INSIDE.guestFile]],
      ['--ro-bind', ['/data/plugins/bot/abc', INSIDE.packageDir]],
      ['--chdir', ['/']],
    ])
  })

  it('shares no namespace and sets no variable', () => {
    for (const forbidden of ['--share-net', '--setenv', '--bind', '--dev-bind', '--cap-add'])
      expect(args).not.toContain(forbidden)
    expect(args.at(-1)).toBe('--')
  })

  it('reads the filter from the descriptor that it is told, where there is one', () => {
    expect(options(args)).toContainEqual(['--seccomp', ['7']])
    expect(bubblewrapArguments({ ...sandbox, filter: null }, mounts, 7)).not.toContain('--seccomp')
  })

  it('has Node alone in it for the probe', () => {
    const probe = bubblewrapArguments(sandbox, { nodePath: '/opt/node', files: {} }, 7)
    expect(probe.join(' ')).not.toMatch(/guest|plugin\b.*plugin/)
  })
})

describe('parseLibraries', () => {
  it.each<[string, string, string[]]>([
    ['nothing', '', []],
    ['the kernel page, which is no file', '\tlinux-vdso.so.1 (0x00007ffd0)\n', []],
    [
      'a library',
      '\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f01)\n',
      ['/lib/x86_64-linux-gnu/libm.so.6'],
    ],
    ['the loader', '\t/lib64/ld-linux-x86-64.so.2 (0x00007f02)\n', ['/lib64/ld-linux-x86-64.so.2']],
    ['one twice', '\ta => /lib/a (0x1)\n\tb => /lib/a (0x2)\n', ['/lib/a']],
    ['one that is missing', '\tliba.so => not found\n', []],
    ['what a program prints by itself', 'v26.10.0\n', []],
  ])('finds %s', (_, listing, expected) => expect(parseLibraries(listing)).toEqual(expected))
})

describe('the flags of Node', () => {
  const flags = nodeFlags({ guestFile: '/g/guest.cjs', packageDir: '/p' }, 64)

  it.each([
    '--permission',
    '--no-experimental-sqlite',
    '--disable-sigusr1',
    '--no-addons',
    '--disable-proto=delete',
    '--disallow-code-generation-from-strings',
    '--max-old-space-size=64',
  ])('hold %s', flag => expect(flags).toContain(flag))

  it('allow two reads and nothing else', () => {
    expect(flags.filter(flag => flag.startsWith('--allow'))).toEqual([
      '--allow-fs-read=/g/guest.cjs',
      '--allow-fs-read=/p',
    ])
    expect(flags.at(-1)).toBe('/g/guest.cjs')
  })
})
