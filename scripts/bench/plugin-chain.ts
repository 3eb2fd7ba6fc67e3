// What a chain of plugins costs: five against one, small messages against media, and what they store.
import { randomBytes } from 'node:crypto'
import type { Bench, Figure } from './figure.ts'
import { message } from './hook-round-trip.ts'
import { createPluginRig, LOOKING_PLUGIN } from './plugin-rig.ts'
import { ofRounds, sample, throughput } from './sampling.ts'

const ROUNDS = 3
const SAMPLES = 1_000
const MESSAGES = 20_000
const IN_FLIGHT = 64

const STORING_PLUGIN = `module.exports = { onEnable(ctx) {
  ctx.registerHook('message:received', async ({ data }) => {
    if (data.body === 'set') await ctx.storage.set('key', { text: 'x'.repeat(200) })
    else await ctx.storage.get('key')
  })
} }`

/** The same message with a file of so many bytes in it. */
const withMedia = (bytes: number) => ({
  ...message,
  type: 'image' as const,
  media: { mimetype: 'image/jpeg', data: randomBytes(bytes).toString('base64') },
})

export const pluginChain: Bench = {
  name: 'plugin-chain',
  about: 'messages per second through five plugins, media, storage',
  async run() {
    await using one = await createPluginRig()
    await using five = await createPluginRig()
    await using storing = await createPluginRig()
    await one.enable('looks-0', LOOKING_PLUGIN)
    for (let index = 0; index < 5; index += 1) await five.enable(`looks-${index}`, LOOKING_PLUGIN)
    await storing.enable('stores', STORING_PLUGIN)
    const through =
      ({ chain }: typeof one, data = message) =>
      () =>
        chain.run('message:received', data, { sessionId: 'S', source: 'Engine' })
    for (const rig of [one, five]) await sample(SAMPLES, through(rig))

    const runs = {
      one: through(one),
      five: through(five),
      small: through(one, withMedia(1_024)),
      large: through(one, withMedia(65_536)),
      set: through(storing, { ...message, body: 'set' }),
      get: through(storing, { ...message, body: 'get' }),
    }
    const rounds: Record<string, number[]>[] = []
    for (let round = 0; round < ROUNDS; round += 1) {
      const times: Record<string, number[]> = {}
      for (const [name, run] of Object.entries(runs)) times[name] = await sample(SAMPLES, run)
      rounds.push(times)
    }
    const time = (name: keyof typeof runs, share: number) =>
      ofRounds(
        rounds.map(times => times[name] ?? []),
        share,
      )
    const timed = (name: string, of: keyof typeof runs, share = 0.5): Figure => ({
      name,
      value: time(of, share),
      unit: 'ms',
      baseline: of === 'one' ? null : time('one', share),
      goal: null,
    })
    const rates = []
    for (let round = 0; round < ROUNDS; round += 1)
      rates.push(await throughput(MESSAGES, IN_FLIGHT, through(five)))
    return [
      {
        name: 'chain of five plugins, 1 KB, 64 in flight',
        value: ofRounds([rates], 0.5),
        unit: 'msg/s',
        baseline: null,
        goal: { of: 'value', atLeast: 10_000 },
      },
      timed('chain of one plugin, p50', 'one'),
      timed('chain of five plugins against one, p50', 'five'),
      timed('chain of five plugins against one, p99', 'five', 0.99),
      timed('media of 1 KB to one plugin, p50', 'small'),
      timed('media of 64 KB to one plugin, p50', 'large'),
      timed('a hook that sets a stored value, p50', 'set'),
      timed('a hook that gets a stored value, p50', 'get'),
    ]
  },
}
