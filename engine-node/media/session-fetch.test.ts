import { expect, it } from 'vitest'
import { GatewayError } from '../../src/contract/errors.ts'
import { type Dial, resolveHost } from '../net/dial.ts'
import type { GuardedFetch } from '../net/guarded-fetch.ts'
import { createSessionFetch } from './session-fetch.ts'

const plain = (async () => {}) as unknown as GuardedFetch
const proxied = (async () => {}) as unknown as GuardedFetch
const dial = (async () => {}) as unknown as Dial

it('goes through the proxy of the session that has one', async () => {
  const ways: object[] = []
  const { media, anywhere } = createSessionFetch({
    fetch: plain,
    async routeOf(sessionId) {
      if (sessionId === 'sealed') throw new GatewayError('credentials_unreadable', 'no')
      return sessionId === 'behind' ? { dial } : null
    },
    through(way) {
      ways.push(way)
      return proxied
    },
  })
  expect([await media('direct'), await anywhere('direct'), ways.length]).toEqual([plain, plain, 0])
  expect([await media('behind'), await anywhere('behind')]).toEqual([proxied, proxied])
  // WhatsApp's names are the proxy's to look up; what a client names is looked up and judged here.
  expect(ways).toEqual([
    { resolve: null, dial },
    { resolve: resolveHost, dial },
  ])
  await expect(media('sealed')).rejects.toMatchObject({ code: 'credentials_unreadable' })
})
