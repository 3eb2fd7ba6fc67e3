// A plugin that was given paths sees these and no others, and writes only where it may.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClock } from '../clock.ts'
import { createPeer } from '../rpc/peer.ts'
import { bundleGuest } from './guest-bundle.ts'
import { probeMachine, SYSTEM_PATH } from './probe-machine.ts'
import { createProcessTier } from './process.ts'
import type { TierHost } from './tier.ts'

const probed = await probeMachine({ nodePath: process.execPath, searchPath: SYSTEM_PATH, firstUid: null })
const root = mkdtempSync(join(tmpdir(), 'wharf-paths-'))
const at = (name: string) => join(root, name)
let tier: TierHost

beforeAll(async () => {
  for (const folder of ['package', 'read', 'write', 'other']) mkdirSync(at(folder))
  for (const folder of ['read', 'write', 'other']) writeFileSync(join(at(folder), 'file'), folder)
  symlinkSync(at('other'), join(at('read'), 'link'))
  writeFileSync(
    join(at('package'), 'index.js'),
    `const fs = require('node:fs')
    const tried = act => { try { return act() ?? 'done' } catch (error) { return error.code } }
    module.exports = { onLoad: ctx => ctx.registerHook('message:received', ({ data }) => ({
      data: { results: data.tries.map(([act, ...args]) => tried(() => fs[act](...args))) },
    })) }`,
  )
  tier = await createProcessTier({
    nodePath: process.execPath,
    guestFile: await bundleGuest({ outDir: root }),
    clock: createClock(),
    log: pino({ level: 'silent' }),
    probe: async () => probed,
  })
})
afterAll(async () => {
  await tier[Symbol.asyncDispose]()
  rmSync(root, { recursive: true })
})

async function tries(
  filesystem: { read: string[]; write: string[] },
  ...acts: unknown[][]
): Promise<unknown> {
  const options = { pluginId: 'p', packageDir: at('package'), memoryMb: 64, filesystem, onOutput: () => {} }
  await using guest = await tier.open(options)
  const peer = createPeer({
    channel: guest.channel,
    remote: 'guest',
    methods: new Map(),
    events: new Map([['subscribe', () => {}]]),
    clock: createClock(),
  })
  const wait = { timeoutMs: 10_000 }
  const config = { base: {}, sessions: {} }
  await peer.call('load', { pluginId: 'p', main: guest.resolveMain('index.js'), config }, wait)
  for (const phase of ['onLoad', 'onEnable']) await peer.call('lifecycle', { phase }, wait)
  const hook = {
    event: 'message:received',
    data: { tries: acts },
    sessionId: null,
    source: 'Engine',
    timestamp: 0,
  }
  const { data } = (await peer.call('hook', hook, wait)) as { data: { results: unknown } }
  return data.results
}

// Paths are mounted by bubblewrap, and refused where there is none.
describe.runIf(probed.sandbox !== null)('paths that were given', () => {
  it('can be read, or written, and nothing beside them', async () => {
    const results = await tries(
      { read: [at('read')], write: [at('write')] },
      ['readFileSync', join(at('read'), 'file'), 'utf8'],
      ['readFileSync', join(at('write'), 'file'), 'utf8'],
      ['writeFileSync', join(at('write'), 'new'), 'made'],
      ['writeFileSync', join(at('read'), 'new'), 'made'],
      ['readFileSync', join(at('other'), 'file'), 'utf8'],
      ['readFileSync', join(at('read'), '../other/file'), 'utf8'],
      ['readFileSync', join(at('read'), 'link/file'), 'utf8'],
      ['readdirSync', root],
    )
    const denied = 'ERR_ACCESS_DENIED'
    expect(results).toEqual(['read', 'write', 'done', denied, denied, denied, 'ENOENT', denied])
    expect(readFileSync(join(at('write'), 'new'), 'utf8')).toBe('made')
    expect(existsSync(join(at('read'), 'new'))).toBe(false)
  })

  it('are none where none were given', async () => {
    expect(await tries({ read: [], write: [] }, ['readFileSync', join(at('read'), 'file')])).toEqual([
      'ERR_ACCESS_DENIED',
    ])
  })
})

// The bound is set by prlimit, of util-linux.
describe.runIf(probed.limiter !== undefined)('descriptors', () => {
  it('are as many as a plugin may have', async () => {
    const opens = Array.from({ length: 400 }, () => ['openSync', '/plugin/index.js'])
    const results = (await tries({ read: [], write: [] }, ...opens)) as unknown[]
    expect(results.filter(result => result === 'EMFILE').length).toBeGreaterThan(100)
  })
})
