import { expect, it, vi } from 'vitest'
import { createFakeClock } from '../../test/support/fake-clock.ts'
import { createMemoryWatch, NODE_BASE_MB, WATCH_INTERVAL_MS } from './memory-watch.ts'
import { openProcUsage, privateMemory, processorTime } from './proc-usage.ts'

const MB = 1_048_576

it('ends a guest above its limit and the base, once', () => {
  const clock = createFakeClock()
  const watch = createMemoryWatch(clock)
  const memory: { bytes: number | null } = { bytes: null }
  const exceeded = vi.fn()
  watch.add({ memoryBytes: () => memory.bytes, limitMb: 64, exceeded })
  for (const bytes of [null, 10 * MB, (64 + NODE_BASE_MB) * MB]) {
    memory.bytes = bytes
    clock.advance(WATCH_INTERVAL_MS)
    expect(exceeded).not.toHaveBeenCalled()
  }
  memory.bytes = (65 + NODE_BASE_MB) * MB
  clock.advance(WATCH_INTERVAL_MS * 3)
  expect(exceeded.mock.calls).toEqual([[65 + NODE_BASE_MB]])
})

it('has one timer for all guests, and none without', () => {
  const clock = createFakeClock()
  const watch = createMemoryWatch(clock)
  const read = vi.fn(() => 0)
  const undo = [1, 2, 3].map(() => watch.add({ memoryBytes: read, limitMb: 1, exceeded: () => {} }))
  expect(clock.pending).toBe(1)
  clock.advance(WATCH_INTERVAL_MS)
  expect(read).toHaveBeenCalledTimes(3)
  for (const off of undo) off()
  clock.advance(WATCH_INTERVAL_MS)
  expect(clock.pending).toBe(0)
  expect(read).toHaveBeenCalledTimes(3)
})

it('counts memory that is private to a process, and what was swapped', () => {
  const status =
    'Name:\tnode\nVmRSS:\t  52000 kB\nRssAnon:\t   12000 kB\nRssFile:\t   40000 kB\nRssShmem:\t     100 kB\nVmSwap:\t      24 kB\n'
  expect(privateMemory(status)).toBe(12_124 * 1_024)
  expect(privateMemory('Name:\tnode\nState:\tZ (zombie)\n')).toBeNull()
})

it('finds the processor time behind a name that looks like more fields', () => {
  const fields = Array.from({ length: 20 }, (_, n) => n)
  expect(processorTime(`7 (a b) R 1) S ${fields.join(' ')}`)).toBe((10 + 11) * 10)
  expect(processorTime('')).toBeNull()
})

// Read from /proc, which only Linux has.
it.runIf(process.platform === 'linux')('reads a process that is there, and knows of none that is not', () => {
  const usage = openProcUsage(process.pid)
  expect(usage?.memoryBytes()).toBeGreaterThan(MB)
  expect(usage?.cpuMs()).toBeGreaterThan(0)
  usage?.close()
  expect(openProcUsage(2 ** 22 + 1)).toBeNull()
})
