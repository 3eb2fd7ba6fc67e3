// Takes a packaged plugin through what every plugin must live through, and then through scenarios of its own, in each tier that
// strangers run in and that has what it needs. Call it with any archive that the gateway would install.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createClock } from '../../engine-node/clock.ts'
import { readArchive } from '../../engine-node/plugins/archive.ts'
import { createTestHost, type TestHost, type TestHostOptions } from '../../engine-node/test-host/test-host.ts'
import { bundleGuest } from '../../engine-node/tiers/guest-bundle.ts'
import { createIsolateTier } from '../../engine-node/tiers/isolate.ts'
import { bundleIsolate } from '../../engine-node/tiers/isolate-bundle.ts'
import { probeMachine, SYSTEM_PATH } from '../../engine-node/tiers/probe-machine.ts'
import { createProcessTier } from '../../engine-node/tiers/process.ts'
import { isolateGaps } from '../../engine-node/tiers/shims/module-table.ts'
import type { TierHost } from '../../engine-node/tiers/tier.ts'

type World = Omit<TestHostOptions, 'manifest' | 'plugin' | 'packaged'>

export interface PackagedPlugin {
  name: string
  /** The bytes that would be uploaded. */
  archive(): Promise<Uint8Array>
  /** What it needs that isolates do not have; it is not run there then. */
  gaps?: readonly string[]
  /** What it needs to start at all. */
  world?: World
  /** Each gets a way to start the plugin; what it changes of the world is laid over the plugin's own. */
  scenarios: Record<string, (start: (world?: World) => Promise<TestHost>) => Promise<void>>
}

const clock = createClock()
const log = pino({ level: 'silent' })

const openTier = {
  process: async (outDir: string): Promise<TierHost> =>
    createProcessTier({
      nodePath: process.execPath,
      guestFile: await bundleGuest({ outDir }),
      clock,
      log,
    }),
  async isolate(outDir: string): Promise<TierHost> {
    const nodePath = process.execPath
    const probed = await probeMachine({ nodePath, searchPath: SYSTEM_PATH, firstUid: null })
    const bundles = await bundleIsolate({ outDir })
    return await createIsolateTier({ nodePath, ...bundles, probed, clock, log, trustOf: () => 'all' })
  },
}

export function describePackage({ name, archive, gaps = [], world = {}, scenarios }: PackagedPlugin): void {
  describe(`package: ${name}`, () => {
    it('is in need of these modules beyond those of isolates', async () => {
      const { files } = await readArchive(await archive())
      const code = [...files].filter(([path]) => /\.[cm]?js$/.test(path))
      const texts = code.map(([path, bytes]) => [path, new TextDecoder().decode(bytes)])
      expect(isolateGaps(Object.fromEntries(texts))).toEqual(gaps)
    })
  })
  describe.each(gaps.length === 0 ? (['process', 'isolate'] as const) : (['process'] as const))(
    `package: ${name}, in the tier %s`,
    where => {
      let folder = ''
      let tier: TierHost
      let manifest: unknown
      const hosts: TestHost[] = []

      beforeAll(async () => {
        folder = mkdtempSync(join(tmpdir(), 'wharf-package-'))
        tier = await openTier[where](join(folder, 'run'))
        const { files } = await readArchive(await archive())
        for (const [path, content] of files) {
          const file = join(folder, 'package', path)
          mkdirSync(dirname(file), { recursive: true })
          writeFileSync(file, content)
        }
        manifest = JSON.parse(new TextDecoder().decode(files.get('manifest.json')))
      })
      afterEach(async () => {
        for (const host of hosts.splice(0)) await host[Symbol.asyncDispose]()
      })
      afterAll(async () => {
        await tier?.[Symbol.asyncDispose]()
        rmSync(folder, { recursive: true, force: true })
      })

      async function start(more: World = {}): Promise<TestHost> {
        const packaged = { packageDir: join(folder, 'package'), tier }
        const host = await createTestHost({ ...world, ...more, manifest, packaged })
        hosts.push(host)
        return host
      }

      it('starts, tells how it is, stops and starts again, without asking for what it may not have', async () => {
        const host = await start()
        expect(await host.health()).toMatchObject({ healthy: expect.any(Boolean) })
        await host.disable()
        await host.enable()
        expect(await host.health()).toMatchObject({ healthy: expect.any(Boolean) })
        expect(host.denials).toEqual([])
        expect(host.log.filter(({ level }) => level === 'error')).toEqual([])
      })

      it('lives with messages of every kind', async () => {
        const host = await start()
        for (const type of ['text', 'image', 'voice', 'location', 'revoked', 'unknown'] as const)
          for (const chatId of ['15550000002@c.us', '77@lid', '120@g.us'])
            expect(await host.receive({ type, chatId, body: type === 'text' ? 'hello' : '' })).toMatchObject({
              continue: true,
            })
        expect(host.hookFailures).toEqual([])
        expect(await host.health()).toMatchObject({ healthy: expect.any(Boolean) })
      })

      for (const [what, play] of Object.entries(scenarios)) it(what, () => play(start))
    },
  )
}
