// An outbox with a backlog, as a child: so that its memory is its own.
import * as v from 'valibot'
import { answerParent, childOptions } from './child.ts'
import { percentile } from './figure.ts'
import { settleMemory } from './memory.ts'
import { createOutboxRig } from './outbox-rig.ts'

/** The webhooks of the rig, by their place. */
const [HEALTHY, BEHIND] = [0, 1]

async function createBacklogHost() {
  const { url } = v.parse(v.object({ url: v.string() }), childOptions())
  let isUp = false
  const rig = await createOutboxRig({
    url,
    endpoints: 2,
    answers: webhook => webhook === HEALTHY || isUp,
  })
  const commands = {
    fill: (queued: number) => rig.fill(BEHIND, queued),
    /** Milliseconds from the commit of an event to the healthy endpoint's answer, while the other one is down: median. */
    async healthy(samples: number) {
      const times: number[] = []
      for (let left = samples; left > 0; left -= 1) {
        const before = rig.answeredBy(HEALTHY)
        await rig.record(1)
        const start = performance.now()
        while (rig.answeredBy(HEALTHY) === before) await new Promise(setImmediate)
        times.push(performance.now() - start)
      }
      return percentile(times, 0.5)
    },
    /** Deliveries per second at the endpoint that is down, while it is up for so long. */
    async drain(ms: number) {
      isUp = true
      // Its circuit rests in memory; after a restart it is tried at once.
      await rig.pause()
      await rig.resume()
      const [before, start] = [rig.answeredBy(BEHIND), performance.now()]
      await new Promise(resolve => setTimeout(resolve, ms))
      const delivered = rig.answeredBy(BEHIND) - before
      isUp = false
      return (delivered / (performance.now() - start)) * 1_000
    },
    async memory() {
      await settleMemory()
      return process.memoryUsage().rss / 1024 / 1024
    },
  }
  answerParent(commands, async () => await rig[Symbol.asyncDispose]())
  return commands
}

export type BacklogCommands = Awaited<ReturnType<typeof createBacklogHost>>

if (import.meta.main) await createBacklogHost()
