// What the API promises on every runtime. A runtime's test file calls this with the way to start it there.
import { afterAll, beforeAll, describe } from 'vitest'
import type { ApiUnderTest } from '../support/api-runtimes.ts'
import { credentialsSuite } from './credentials.suite.ts'
import { journeysSuite } from './journeys.suite.ts'
import { laterSuite } from './later.suite.ts'
import { parsingSuite } from './parsing.suite.ts'
import { streamsSuite } from './streams.suite.ts'
import { surfaceSuite } from './surface.suite.ts'

export function apiSuite(runtime: string, start: () => Promise<ApiUnderTest>): void {
  describe(`the API on ${runtime}`, () => {
    let api: ApiUnderTest | undefined
    beforeAll(async () => {
      api = await start()
    })
    afterAll(() => api?.[Symbol.asyncDispose]())
    const rig = () => {
      if (api === undefined) throw new Error('the API did not start')
      return api
    }

    describe('credentials', () => credentialsSuite(rig))
    describe('parsing', () => parsingSuite(rig))
    describe('surface', () => surfaceSuite(rig))
    describe('journeys', () => journeysSuite(rig))
    describe('later', () => laterSuite(rig))
    describe('streams', () => streamsSuite(rig))
  })
}
