import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/contract/errors.ts'
import type { FetchRequest } from '../net/request.ts'
import { createGuardedPost } from './guarded-post.ts'

const REQUEST = {
  webhookId: 'w',
  url: 'https://a.example/',
  headers: { 'x-a': '1' },
  body: new Uint8Array([1]),
  timeoutMs: 15_000,
  maxBytes: 65_536,
}

const failing = (details: Record<string, unknown>) =>
  createGuardedPost(() => Promise.reject(new GatewayError('transport_failed', 'x', { details })))

describe('guarded post', () => {
  it('goes to public hosts alone, follows nothing and is bounded', async () => {
    const asked: FetchRequest[] = []
    const answer = { status: 204, statusText: '', headers: {}, body: new Uint8Array(), sha256: null, url: '' }
    const post = createGuardedPost(async request => {
      asked.push(request)
      return answer
    })
    expect(await post(REQUEST)).toMatchObject({ status: 204 })
    const { webhookId, ...rest } = REQUEST
    expect(asked).toEqual([{ ...rest, method: 'POST', hosts: 'any-public', redirects: 0, keep: webhookId }])
  })

  it('takes an answer whose body broke off, and a redirect, for what their heads say', async () => {
    expect(await failing({ stage: 'response', status: 200 })(REQUEST)).toMatchObject({ status: 200 })
    expect(await failing({ stage: 'redirect', status: 302 })(REQUEST)).toMatchObject({ status: 302 })
  })

  it('passes on that there was no answer', async () => {
    await expect(failing({ stage: 'connect' })(REQUEST)).rejects.toMatchObject({ code: 'transport_failed' })
  })
})
