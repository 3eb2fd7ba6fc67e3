import { expect, it } from 'vitest'
import { createFakeClock } from '../../test/support/fake-clock.ts'
import { createWriteProbe } from './write-probe.ts'

function rig() {
  const clock = createFakeClock()
  let tries = 0
  let fail = (): void => {}
  let batch: () => Promise<number[]> = async () => [1]
  const probe = createWriteProbe({
    clock,
    queue: {
      onFailure(listener) {
        fail = () => listener(new Error('no room') as never)
        return () => {}
      },
    },
    target: {
      batch() {
        tries += 1
        return batch()
      },
    },
  })
  return {
    clock,
    probe,
    tries: () => tries,
    fail: () => fail(),
    batchIs(given: typeof batch) {
      batch = given
    },
  }
}

it('asks nothing while commits pass', async () => {
  const { probe, tries } = rig()
  expect([await probe.canWrite(), tries()]).toEqual([true, 0])
})

it('tries once for all who ask after a failure, until one passes', async () => {
  const { probe, tries, fail, batchIs } = rig()
  fail()
  batchIs(() => Promise.reject(new Error('still none')))
  expect(await Promise.all([probe.canWrite(), probe.canWrite()])).toEqual([false, false])
  expect(tries()).toBe(1)
  batchIs(async () => [1])
  // One that takes room, and one that gives it back.
  expect([await probe.canWrite(), await probe.canWrite(), tries()]).toEqual([true, true, 3])
})

it('waits a second for a try, which may still pass then', async () => {
  const { clock, probe, fail, batchIs } = rig()
  const { promise, resolve } = Promise.withResolvers<number[]>()
  batchIs(() => promise)
  fail()
  const asked = probe.canWrite()
  clock.advance(1_000)
  expect(await asked).toBe(false)
  resolve([1])
  await promise
  await new Promise(setImmediate)
  expect(await probe.canWrite()).toBe(true)
})
