import { expect, it } from 'vitest'
import { readEdgeSettings } from './edge-settings.ts'

const least = { DATABASE_URL: 'https://db.test', ENGINE_URL: 'https://engine.test', ENGINE_TOKEN: 'a-secret' }

it('needs no more than a database and an engine, and is strict by itself', () => {
  expect(readEdgeSettings({ ...least, PATH: '/bin' })).toMatchObject({
    database: { url: 'https://db.test' },
    engine: { url: 'https://engine.test', token: 'a-secret' },
    trustedProxies: [],
    pepper: null,
    api: {
      validationDetails: false,
      bodyLimitBytes: 26_214_400,
      inflightBodyBytes: 104_857_600,
      ingressPerAddress: { limit: 1_200, ttlMs: 60_000 },
      inlineMediaBytes: 0,
      corsOrigins: [],
      rateLimits: [
        { name: 'short', ttlMs: 1_000, limit: 10 },
        { name: 'medium', ttlMs: 60_000, limit: 100 },
        { name: 'long', ttlMs: 3_600_000, limit: 1_000 },
      ],
    },
  })
})

it('tells all faults at once, and no value', () => {
  expect(() => readEdgeSettings({ ENGINE_TOKEN: 'a-secret', RATE_LIMIT_SHORT_LIMIT: 'a-secret' })).toThrow(
    expect.objectContaining({
      code: 'settings_invalid',
      message: expect.toSatisfy(
        (text: string) =>
          ['DATABASE_URL', 'ENGINE_URL', 'RATE_LIMIT_SHORT_LIMIT'].every(name => text.includes(name)) &&
          !text.includes('a-secret'),
      ),
    }),
  )
})

it('lets any page in while developing, and never by a wildcard in production', () => {
  const origins = (env: Record<string, string>) => readEdgeSettings({ ...least, ...env }).api.corsOrigins
  expect(origins({ NODE_ENV: 'development' })).toEqual(['*'])
  expect(origins({ NODE_ENV: 'development', CORS_ORIGINS: 'https://a.test, https://b.test' })).toEqual([
    'https://a.test',
    'https://b.test',
  ])
  expect(origins({ CORS_ORIGINS: '*,https://a.test' })).toEqual(['https://a.test'])
})
