// Taking times: one call after the other, or many at once.
import { percentile } from './figure.ts'

/** Milliseconds of each of so many calls, one after the other. */
export async function sample(count: number, call: () => Promise<unknown>): Promise<number[]> {
  const samples: number[] = []
  for (let index = 0; index < count; index += 1) {
    const start = performance.now()
    await call()
    samples.push(performance.now() - start)
  }
  return samples
}

/** Calls per second with so many under way at a time. */
export async function throughput(
  count: number,
  inFlight: number,
  call: () => Promise<unknown>,
): Promise<number> {
  let left = count
  const worker = async () => {
    while (left > 0) {
      left -= 1
      await call()
    }
  }
  const start = performance.now()
  await Promise.all(Array.from({ length: inFlight }, worker))
  return count / ((performance.now() - start) / 1000)
}

/** The middle one of several rounds' percentiles, so that one busy moment does not decide. */
export const ofRounds = (rounds: readonly (readonly number[])[], share: number): number =>
  percentile(
    rounds.map(samples => percentile(samples, share)),
    0.5,
  )
