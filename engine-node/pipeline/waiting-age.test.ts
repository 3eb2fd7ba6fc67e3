import { expect, it } from 'vitest'
import { createFakeClock } from '../../test/support/fake-clock.ts'
import { createLog } from '../log.ts'
import { createWaitingAge } from './waiting-age.ts'

it('looks each hour, also after a look that failed, until it is disposed of', () => {
  const clock = createFakeClock()
  let looks = 0
  const expire = async () => {
    looks += 1
    throw new Error('no database')
  }
  const age = createWaitingAge({ outbound: { expire }, clock, log: createLog('silent') })
  for (let hour = 0; hour < 3; hour += 1) clock.advance(60 * 60_000)
  expect(looks).toBe(3)
  age[Symbol.dispose]()
  clock.advance(60 * 60_000)
  expect(looks).toBe(3)
})
