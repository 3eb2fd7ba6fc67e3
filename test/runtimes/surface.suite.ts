// What is open to everyone, and what every answer carries: health, documentation, headers.
import { describe, expect, it } from 'vitest'
import { routes } from '../../src/api/routes.ts'
import { ask } from '../support/api-client.ts'
import { type ApiUnderTest, DASHBOARD } from '../support/api-runtimes.ts'

export function surfaceSuite(rig: () => ApiUnderTest): void {
  const open = (path: string) => ask(rig(), 'GET', path, { key: null })

  describe('health', () => {
    it('answers without a key, and tells its version only with one', async () => {
      expect(Object.keys((await open('/health')).body)).toEqual(['status', 'timestamp'])
      expect((await ask(rig(), 'GET', '/health')).body.version).toMatch(/./)
      expect((await ask(rig(), 'GET', '/health', { key: 'wrong' })).body).not.toHaveProperty('version')
      expect((await open('/health/live')).body).toEqual({ status: 'ok' })
      expect((await open('/health/ready')).body).toEqual({
        status: 'ok',
        details: { mainDatabase: { status: 'up' }, dataDatabase: { status: 'up' } },
      })
    })

    it('is not counted', async () => {
      expect((await open('/health')).headers.get('x-ratelimit-limit-short')).toBeNull()
    })
  })

  describe('documentation', () => {
    it('describes every route, from the schemas that check the requests', async () => {
      const { body } = await open('/docs/openapi.json')
      expect(body.openapi).toBe('3.1.0')
      const described = Object.entries(body.paths as Record<string, object>).flatMap(([path, methods]) =>
        Object.keys(methods).map(method => `${method.toUpperCase()} ${path}`),
      )
      const expected = routes.map(({ method, path }) => `${method} /api${path.replaceAll(/:(\w+)/g, '{$1}')}`)
      expect(described.sort()).toEqual(expected.sort())
      const send = body.paths['/api/sessions/{sid}/messages/send-text'].post
      expect(send.requestBody.content['application/json'].schema).toMatchObject({
        type: 'object',
        required: ['chatId', 'text'],
        additionalProperties: false,
        properties: { text: { type: 'string', minLength: 1, maxLength: 4096 } },
      })
      expect(send.responses['201'].content['application/json'].schema.required).toEqual([
        'messageId',
        'timestamp',
      ])
      const names = body.paths['/api/sessions'].get.parameters.map(
        (parameter: { name: string }) => parameter.name,
      )
      expect(names).toEqual(['limit', 'offset', 'name'])
    })

    it('is a page that runs nothing and loads nothing from elsewhere', async () => {
      const { body, headers } = await open('/docs')
      expect(headers.get('content-type')).toBe('text/html; charset=utf-8')
      expect(headers.get('content-security-policy')).toContain("default-src 'none'; style-src 'self'")
      expect(body).toContain('/api/sessions/{sid}/messages/send-text')
      expect(body).not.toMatch(/<script|https?:|style=|\son\w+=/)
      expect((await open('/docs/style.css')).headers.get('content-type')).toBe('text/css; charset=utf-8')
    })
  })

  it('counts requests in headers that are named for their window', async () => {
    const { headers } = await ask(rig(), 'GET', '/sessions')
    for (const window of ['short', 'medium', 'long']) {
      const [limit, remaining] = ['limit', 'remaining'].map(what =>
        Number(headers.get(`x-ratelimit-${what}-${window}`)),
      )
      expect(remaining).toBeLessThan(limit!)
      expect(headers.get(`x-ratelimit-reset-${window}`)).toMatch(/^\d+$/)
    }
  })

  it('lets in pages of the origin that the operator named, and no others', async () => {
    const preflight = (origin: string) =>
      fetch(`${rig().baseUrl}/api/sessions`, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST' },
      })
    for (const [origin, allowed] of [
      [DASHBOARD, DASHBOARD],
      [`${DASHBOARD}.evil.test`, null],
      ['null', null],
    ] as const) {
      const { headers } = await ask(rig(), 'GET', '/health', { headers: { origin } })
      expect(headers.get('access-control-allow-origin')).toBe(allowed)
      expect(headers.get('vary')).toBe('Origin')
      const methods = (await preflight(origin)).headers.get('access-control-allow-methods')
      expect(methods !== null).toBe(allowed !== null)
    }
  })

  it('does not believe a forwarding header', async () => {
    const made = await ask(rig(), 'POST', '/auth/api-keys', {
      body: { name: 'far', allowedIps: ['203.0.113.7'] },
    })
    const headers = {
      'x-forwarded-for': '203.0.113.7',
      'x-real-ip': '203.0.113.7',
      forwarded: 'for=203.0.113.7',
    }
    expect((await ask(rig(), 'GET', '/sessions', { key: made.body.apiKey, headers })).status).toBe(403)
  })
}
