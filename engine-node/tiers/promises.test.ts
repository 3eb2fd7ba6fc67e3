import { describe, expect, it } from 'vitest'
import { type Tier, tiers } from '../../src/contract/plugin-view.ts'
import { layersOf, type Probe } from './probe-machine.ts'
import {
  brokenBoundaries,
  type Layer,
  missingPromises,
  type PromiseName,
  promises,
  promiseTable,
} from './promises.ts'

const sandbox = { bwrap: '/usr/bin/bwrap', libraries: [], filter: Uint8Array.of(0) }
const groups = { make: () => Promise.reject(new Error('none is made here')) }
const machines: Record<string, { probed: Probe; platform: NodeJS.Platform; layers: Layer[] }> = {
  'with all there is': {
    probed: { sandbox, limiter: '/usr/bin/prlimit', groups },
    platform: 'linux',
    layers: ['permissions', 'bubblewrap', 'watchdog', 'limits', 'filter', 'groups'],
  },
  'with bubblewrap': {
    probed: { sandbox, limiter: '/usr/bin/prlimit', noGroups: 'none' },
    platform: 'linux',
    layers: ['permissions', 'bubblewrap', 'watchdog', 'limits', 'filter'],
  },
  'with bubblewrap and no seccomp': {
    probed: { sandbox: { ...sandbox, filter: null }, limiter: '/usr/bin/prlimit' },
    platform: 'linux',
    layers: ['permissions', 'bubblewrap', 'watchdog', 'limits'],
  },
  'as root without bubblewrap': {
    probed: { sandbox: null, why: 'none', firstUid: 7_000 },
    platform: 'linux',
    layers: ['permissions', 'uid', 'watchdog'],
  },
  'without either': {
    probed: { sandbox: null, why: 'none' },
    platform: 'linux',
    layers: ['permissions', 'watchdog'],
  },
  'that is no Linux': { probed: { sandbox: null, why: 'none' }, platform: 'darwin', layers: ['permissions'] },
}

/** What does not hold, by machine and tier. */
const expected: Record<keyof typeof machines, Partial<Record<Tier, PromiseName[]>>> = {
  'with all there is': { process: [], isolate: ['neighbours'] },
  'with bubblewrap': { process: ['share'], isolate: ['share', 'neighbours'] },
  'with bubblewrap and no seccomp': {
    process: ['kernel', 'share'],
    isolate: ['kernel', 'share', 'neighbours'],
  },
  'as root without bubblewrap': {
    process: ['wall', 'descriptors', 'kernel', 'share', 'machine'],
    isolate: ['wall', 'kernel', 'share', 'neighbours'],
  },
  'without either': {
    process: ['links', 'signals', 'secrets', 'wall', 'descriptors', 'kernel', 'share', 'machine'],
    isolate: ['secrets', 'wall', 'kernel', 'share', 'neighbours'],
  },
  'that is no Linux': {
    process: ['links', 'signals', 'secrets', 'wall', 'memory', 'descriptors', 'kernel', 'share', 'machine'],
    isolate: ['secrets', 'wall', 'kernel', 'share', 'neighbours'],
  },
}

describe.each(Object.entries(machines))('a machine %s', (name, { probed, platform, layers }) => {
  const present = layersOf(probed, platform)
  it('has these layers', () => expect([...present].sort()).toEqual([...layers].sort()))

  it.each(['process', 'isolate'] as const)('keeps what it can in the tier %s', tier =>
    expect(missingPromises(tier, present)).toEqual(
      expected[name]?.[tier]?.map(promise => promises[promise].missing),
    ),
  )

  it('is a boundary where every such promise holds', () => {
    const isBoundary = /bubblewrap|all/.test(name)
    for (const tier of ['process', 'isolate'] as const)
      expect(brokenBoundaries(tier, present).length === 0).toBe(isBoundary)
  })
})

describe('the tier worker', () => {
  it('is a boundary nowhere', () => {
    const all = new Set<Layer>(['permissions', 'bubblewrap', 'uid', 'watchdog'])
    expect(missingPromises('worker', all)).toEqual(
      Object.values(promises)
        .filter(({ keptBy }) => keptBy.worker === 'never')
        .map(({ missing }) => missing),
    )
    expect(brokenBoundaries('worker', all).length).toBeGreaterThan(5)
  })
})

describe('the table for people', () => {
  it('has a row for each promise and a column for each tier', () => {
    const lines = promiseTable().split('\n')
    expect(lines[0]).toBe('| A plugin … | `worker` | `process` | `isolate` |')
    expect(lines.length).toBe(2 + Object.keys(promises).length)
    for (const line of lines) expect(line.split('|').length).toBe(tiers.length + 3)
    expect(promiseTable()).toContain(
      '| gets nowhere by a symbolic link in its package | no | with bubblewrap or another user id | yes |',
    )
  })
})
