import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { bubblewrapArguments, INSIDE, sendFilter } from './bubblewrap.ts'
import { probeMachine } from './probe-machine.ts'
import { syscallFilter } from './syscall-filter.ts'
import { machines, REFUSED, refusedCalls, UNKNOWN } from './syscall-table.ts'

const KILLED = 'killed'
const ALLOWED = 'allowed'

/** Runs the program as the kernel would: what happens to one call. */
function judge(program: Uint8Array, call: { machine: number; number: number; firstArgument?: number }) {
  const view = new DataView(program.buffer)
  const seen: Record<number, number> = { 0: call.number, 4: call.machine, 16: call.firstArgument ?? 0 }
  let loaded = 0
  for (let at = 0; at * 8 < program.length; at += 1) {
    const code = view.getUint16(at * 8, true)
    const value = view.getUint32(at * 8 + 4, true)
    const jump = (isSo: boolean) => {
      at += view.getUint8(at * 8 + (isSo ? 2 : 3))
    }
    if (code === 0x20) loaded = seen[value] ?? Number.NaN
    else if (code === 0x15) jump(loaded === value)
    else if (code === 0x35) jump(loaded >= value)
    else if (code === 0x45) jump((loaded & value) !== 0)
    else if (code !== 0x06) throw new Error(`no such instruction: ${code}`)
    else if (value === 0x7fff_0000) return ALLOWED
    else return value === 0x8000_0000 ? KILLED : value & 0xffff
  }
  throw new Error('the program has no end')
}

describe.each(['x64', 'arm64'] as const)('the filter for %s', machine => {
  const program = syscallFilter(machine) ?? new Uint8Array()
  const { audit, clone } = machines[machine]
  const answerTo = (number: number, firstArgument = 0) =>
    judge(program, { machine: audit, number, firstArgument })

  it('refuses every call of the table, and no other', () => {
    const column = machine === 'x64' ? 0 : 1
    const rows = Object.values(refusedCalls).filter(row => row[column] !== null)
    const expected = new Map(rows.map(row => [row[column], row[2]]))
    expect(expected.size, 'a number stands there twice').toBe(rows.length)
    for (let number = 0; number < 600; number += 1)
      if (number !== clone)
        expect([number, answerTo(number)]).toEqual([number, expected.get(number) ?? ALLOWED])
  })

  it('lets threads be made, and no process', () => {
    // What glibc and musl ask for a thread with, and what fork asks with.
    for (const flags of [0x003d_0f00, 0x007d_0f00]) expect(answerTo(clone, flags)).toBe(ALLOWED)
    for (const flags of [17, 0x0120_0011, 0x1000_0000 | 17]) expect(answerTo(clone, flags)).toBe(REFUSED)
  })

  it('ends who calls by the numbers of another processor', () => {
    expect(judge(program, { machine: 0x4000_0003, number: 2 })).toBe(KILLED)
    expect(judge(program, { machine: machines[machine === 'x64' ? 'arm64' : 'x64'].audit, number: 0 })).toBe(
      KILLED,
    )
  })
})

it('does not know the second numbers of x64', () =>
  expect(
    judge(syscallFilter('x64') ?? new Uint8Array(), {
      machine: machines.x64.audit,
      number: 0x4000_0000 + 57,
    }),
  ).toBe(UNKNOWN))

it('has no filter for other processors', () => expect(syscallFilter('riscv64')).toBeNull())

/** A whole program for x64 that makes one call and exits with its error, or with 0. */
function oneCall(number: number, args: readonly number[]): Uint8Array {
  const word = (value: number) => [...new Uint8Array(BigInt64Array.of(BigInt(value)).buffer)]
  const into = [
    [0x48, 0xbf],
    [0x48, 0xbe],
    [0x48, 0xba],
    [0x49, 0xba],
  ] as const
  const code = [
    ...into.flatMap((register, index) => [...register, ...word(args[index] ?? 0)]),
    ...[0x48, 0xb8, ...word(number)],
    ...[0x0f, 0x05],
    // The error without its sign, or nothing, as the code of exit_group.
    ...[0x48, 0x89, 0xc7, 0x48, 0xf7, 0xdf, 0x48, 0x85, 0xc0, 0x78, 0x02, 0x31, 0xff],
    ...[0xb8, 0xe7, 0, 0, 0, 0x0f, 0x05],
  ]
  const base = 0x40_0000
  const heads = 0x40 + 0x38
  const half = (value: number) => [value & 0xff, value >> 8]
  const quarter = (value: number) => [...half(value), 0, 0]
  const header = [
    ...[0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    ...[...half(2), ...half(62), ...quarter(1)],
    ...[...word(base + heads), ...word(0x40), ...word(0), ...quarter(0)],
    ...[...half(0x40), ...half(0x38), ...half(1), ...half(0), ...half(0), ...half(0)],
  ]
  const size = heads + code.length
  const segment = [...quarter(1), ...quarter(5), ...[0, base, base, size, size, 0x1000].flatMap(word)]
  return Uint8Array.from([...header, ...segment, ...code])
}

const probed = await probeMachine({
  nodePath: process.execPath,
  searchPath: process.env.PATH ?? '',
  firstUid: null,
})
const { sandbox } = probed
const folder = mkdtempSync(join(tmpdir(), 'wharf-filter-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** What a process in the sandbox is told when it makes the call: an error of the kernel, or 0. */
function attempt(call: [number: number, ...args: number[]], isFiltered: boolean): Promise<number | null> {
  if (sandbox === null) throw new Error('there is no sandbox')
  const program = join(folder, `program-${call.join('-')}`)
  writeFileSync(program, oneCall(call[0], call.slice(1)), { mode: 0o755 })
  const used = isFiltered ? sandbox : { ...sandbox, filter: null }
  const args = bubblewrapArguments(used, { nodePath: process.execPath, files: { packageDir: program } }, 3)
  const child = spawn(used.bwrap, [...args, INSIDE.packageDir], {
    env: {},
    stdio: ['ignore', 'ignore', 'inherit', isFiltered ? 'pipe' : 'ignore'],
  })
  sendFilter(used, child, 3)
  return new Promise(resolve => child.once('exit', resolve))
}

describe.runIf(sandbox?.filter && process.arch === 'x64')('a process in the sandbox that is not Node', () => {
  const number = (name: string) => refusedCalls[name]?.[0] ?? Number.NaN
  const { clone } = machines.x64
  const SIGCHLD = 17

  it.each<[string, [number, ...number[]], number]>([
    ['fork', [number('fork')], REFUSED],
    ['a fork by clone', [clone, SIGCHLD], REFUSED],
    ['clone3', [number('clone3')], UNKNOWN],
    ['ptrace', [number('ptrace'), 0], REFUSED],
    ['a user namespace', [number('unshare'), 0x1000_0000], REFUSED],
    ['a socket of UNIX', [number('socket'), 1, 1], REFUSED],
    ['a socket to the netfilter of the kernel', [number('socket'), 16, 3, 12], REFUSED],
    ['a key', [number('keyctl'), 0, -3], REFUSED],
    ['io_uring', [number('io_uring_setup'), 1], UNKNOWN],
    ['memory behind a descriptor', [number('memfd_create')], REFUSED],
    ['splice', [number('splice'), 99, 0, 98], REFUSED],
    ['a descriptor of a process', [number('pidfd_open'), 1], REFUSED],
  ])('cannot get %s', async (_, call, refusal) => {
    expect(await attempt(call, true)).toBe(refusal)
    // It is the filter that does it.
    expect(await attempt(call, false)).not.toBe(refusal)
  })

  // EINVAL is the kernel's own word on a thread without shared handlers: the filter let it through.
  it('may ask for threads', async () => expect(await attempt([clone, 0x0001_0000], true)).toBe(22))
})
