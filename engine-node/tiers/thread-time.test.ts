import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { openThreadTime } from './thread-time.ts'

// Threads are told apart in /proc, which only Linux has.
describe.runIf(process.platform === 'linux')('the processor time of a thread', () => {
  it('grows while it loops and cannot be asked, and is of this thread alone', async () => {
    const code = "require('node:worker_threads').parentPort.postMessage(0); for (;;);"
    const looping = new Worker(code, { eval: true, name: 'time looping' })
    const resting = new Worker('setInterval(() => {}, 1_000_000)', { eval: true, name: 'time resting' })
    await Promise.all([once(looping, 'message'), once(resting, 'online')])
    const [busy, idle] = [openThreadTime('time looping'), openThreadTime('time resting')]
    await expect.poll(() => busy?.cpuMs(), { timeout: 10_000 }).toBeGreaterThan(200)
    expect(idle?.cpuMs()).toBeLessThan(200)
    await Promise.all([looping.terminate(), resting.terminate()])
    // Its task is taken away a moment after the thread was joined.
    await expect.poll(() => busy?.cpuMs()).toBeNull()
    for (const time of [busy, idle]) time?.close()
  })

  it('is not known of a thread that there is not', () => expect(openThreadTime('nobody')).toBeNull())
})
