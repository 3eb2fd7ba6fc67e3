// Takes a packaged plugin through what every plugin must live through, and then through scenarios of its own, in the tier that
// it would run in. Call it with any archive that the gateway would install.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createClock } from '../../engine-node/clock.ts'
import { readArchive } from '../../engine-node/plugins/archive.ts'
import { createTestHost, type TestHost, type TestHostOptions } from '../../engine-node/test-host/test-host.ts'
import { bundleGuest } from '../../engine-node/tiers/guest-bundle.ts'
import { createProcessTier } from '../../engine-node/tiers/process.ts'
import type { TierHost } from '../../engine-node/tiers/tier.ts'

type World = Omit<TestHostOptions, 'manifest' | 'plugin' | 'packaged'>

export interface PackagedPlugin {
  name: string
  /** The bytes that would be uploaded. */
  archive(): Promise<Uint8Array>
  /** What it needs to start at all. */
  world?: World
  /** Each gets a way to start the plugin; what it changes of the world is laid over the plugin's own. */
  scenarios: Record<string, (start: (world?: World) => Promise<TestHost>) => Promise<void>>
}

export function describePackage({ name, archive, world = {}, scenarios }: PackagedPlugin): void {
  describe(`package: ${name}`, () => {
    let folder = ''
    let tier: TierHost
    let manifest: unknown
    const hosts: TestHost[] = []

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'wharf-package-'))
      tier = await createProcessTier({
        nodePath: process.execPath,
        guestFile: await bundleGuest({ outDir: join(folder, 'run') }),
        clock: createClock(),
        log: pino({ level: 'silent' }),
      })
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
  })
}
