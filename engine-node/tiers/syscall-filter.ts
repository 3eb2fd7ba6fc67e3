// The filter that the kernel runs on every call of a guest (seccomp): a program of classic BPF, put together from the table of
// what no guest needs. It holds for code that has broken out of Node too, and cannot be taken off again.
import { type MachineName, machines, REFUSED, refusedCalls, UNKNOWN } from './syscall-table.ts'

/** Offsets in what the kernel shows to a filter (struct seccomp_data); both processors have the low half first. */
const NUMBER = 0
const MACHINE = 4
const FIRST_ARGUMENT = 16

const CLONE_THREAD = 0x0001_0000

/** On x64 the same calls again, by other numbers and with short pointers. */
const X32_CALLS = 0x4000_0000

const KILL = 0x8000_0000
const ALLOW = 0x7fff_0000
const ERRNO = 0x0005_0000

type Instruction = readonly [code: number, ifSo: number, ifNot: number, value: number]

const load = (offset: number): Instruction => [0x20, 0, 0, offset]
const answer = (value: number): Instruction => [0x06, 0, 0, value]
const ifEqual = (value: number, skipped: number): Instruction => [0x15, skipped, 0, value]
/** Goes on with the next instruction, or after `skipped` others. */
const unlessEqual = (value: number, skipped: number): Instruction => [0x15, 0, skipped, value]
const unlessAtLeast = (value: number, skipped: number): Instruction => [0x35, 0, skipped, value]
const unlessBits = (value: number, skipped: number): Instruction => [0x45, 0, skipped, value]

/** Null for a processor that the table does not know. */
export function syscallFilter(arch: string): Uint8Array | null {
  if (!(arch in machines)) return null
  const name = arch as MachineName
  const { audit, clone } = machines[name]
  const refused = Object.values(refusedCalls).flatMap(([x64, arm64, errno]) => {
    const number = { x64, arm64 }[name]
    return number === null ? [] : [unlessEqual(number, 1), answer(ERRNO | errno)]
  })
  return encode([
    load(MACHINE),
    ifEqual(audit, 1),
    answer(KILL),
    load(NUMBER),
    ...(name === 'x64' ? [unlessAtLeast(X32_CALLS, 1), answer(ERRNO | UNKNOWN)] : []),
    ...refused,
    unlessEqual(clone, 4),
    load(FIRST_ARGUMENT),
    unlessBits(CLONE_THREAD, 1),
    answer(ALLOW),
    answer(ERRNO | REFUSED),
    answer(ALLOW),
  ])
}

/** As the kernel takes it: eight bytes for each, the low one first. */
function encode(program: readonly Instruction[]): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(program.length * 8))
  program.forEach(([code, ifSo, ifNot, value], index) => {
    bytes.setUint16(index * 8, code, true)
    bytes.setUint8(index * 8 + 2, ifSo)
    bytes.setUint8(index * 8 + 3, ifNot)
    bytes.setUint32(index * 8 + 4, value, true)
  })
  return new Uint8Array(bytes.buffer)
}
