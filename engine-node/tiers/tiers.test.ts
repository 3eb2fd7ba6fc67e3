import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createClock } from '../clock.ts'
import { readSettings } from '../settings.ts'
import { SYSTEM_PATH } from './probe-machine.ts'
import { openTiers } from './tiers.ts'

let runDir: string
beforeEach(() => {
  runDir = mkdtempSync(join(tmpdir(), 'wharf-tiers-'))
})
afterEach(() => rmSync(runDir, { recursive: true, force: true }))

const open = (env: Record<string, string>, searchPath = SYSTEM_PATH) =>
  openTiers({
    settings: readSettings(env),
    runDir,
    nodePath: process.execPath,
    searchPath,
    clock: createClock(),
    log: pino({ level: 'silent' }),
  })

describe('tiers', () => {
  it('runs plugins in the process tier unless somebody wants another', async () => {
    await using tiers = await open({ PLUGIN_TIERS: 'mine=worker', PLUGIN_TRUSTED: 'mine' })
    expect(tiers.hostOf({ pluginId: 'any', asked: null }).tier).toBe('process')
    expect(tiers.hostOf({ pluginId: 'careful', asked: 'isolate' }).tier).toBe('isolate')
    expect(tiers.hostOf({ pluginId: 'careless', asked: 'worker' }).tier).toBe('process')
    expect(tiers.hostOf({ pluginId: 'mine', asked: null }).tier).toBe('worker')
  })

  it('refuses a stranger where the boundary does not hold, and says how to run it all the same', async () => {
    await using tiers = await open({ PLUGIN_TIER: 'worker' })
    expect(() => tiers.hostOf({ pluginId: 'stranger', asked: null })).toThrow(
      expect.objectContaining({
        code: 'plugin_isolation_missing',
        message: expect.stringContaining('PLUGIN_TRUSTED'),
      }),
    )
    expect(tiers.statusOf({ pluginId: 'stranger', asked: null }).missingPromises).not.toEqual([])
    expect(tiers.lacking.join(' ')).toContain('in the tier worker')
  })

  it('says before a plugin is enabled which module the isolate tier lacks', async () => {
    await using tiers = await open({ PLUGIN_TIER: 'isolate' })
    const code =
      "require('node:crypto'); require('fs/promises'); require('node:child_process'); require('http')"
    const files = new Map([['index.js', Buffer.from(code)]])
    const wish = { pluginId: 'needs', asked: null, files, modules: ['os', 'fs'] }
    const { tier, missingPromises } = tiers.statusOf(wish)
    expect(tier).toBe('isolate')
    expect(missingPromises.filter(sentence => sentence.includes('has no'))).toEqual(
      ['child_process', 'fs', 'fs/promises', 'http', 'os'].map(
        name => `The tier isolate has no ${name}, which the package asks for.`,
      ),
    )
  })

  it('lets a plugin out of its sandbox that came with the gateway, as far as the operator allows it', async () => {
    const wish = { pluginId: 'own', asked: 'worker' as const }
    {
      await using tiers = await open({})
      expect(tiers.hostOf({ ...wish, bundled: true }).tier).toBe('worker')
      expect(tiers.hostOf(wish).tier).toBe('process')
    }
    await using strict = await open({ PLUGIN_TIER_WEAKEST: 'process' })
    expect(strict.hostOf({ ...wish, bundled: true }).tier).toBe('process')
  })

  it('says what a machine without bubblewrap lacks', async () => {
    await using tiers = await open({}, '/nowhere')
    expect(tiers.lacking[0]).toContain('bubblewrap')
    expect(tiers.statusOf({ pluginId: 'any', asked: null }).missingPromises).not.toEqual([])
  })
})
