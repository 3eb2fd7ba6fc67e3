import { describe, expect, it } from 'vitest'
import { type OpenPluginRow, toPluginView } from './plugins.ts'

const row: OpenPluginRow = {
  id: 'p',
  name: 'P',
  version: '1.0.0',
  manifest: {
    type: 'extension',
    permissions: ['webhook:ingress'],
    sessionScoped: false,
    author: { name: 'A' },
  },
  packageSha256: null,
  builtIn: true,
  status: 'error',
  enabledByOperator: true,
  tier: 'worker',
  missingPromises: [],
  error: 'broken',
  configMasked: { token: '***' },
  sessionConfigMasked: {},
  activeSessions: ['*'],
  storageBytes: 0,
  storageKeys: 0,
  installedAt: 0,
  updatedAt: 0,
  loadedAt: 1_700_000_000_000,
  enabledAt: null,
  grants: null,
  grantsByPolicy: null,
  runtime: null,
  crashes: [],
}

describe('toPluginView', () => {
  it('shows what is set and leaves out the rest', () => {
    expect(toPluginView(row)).toEqual({
      id: 'p',
      name: 'P',
      version: '1.0.0',
      type: 'extension',
      author: { name: 'A' },
      status: 'error',
      config: { token: '***' },
      builtIn: true,
      provides: [],
      permissions: ['webhook:ingress'],
      ingressCapable: false,
      sessionScoped: false,
      activeSessions: ['*'],
      loadedAt: '2023-11-14T22:13:20.000Z',
      error: 'broken',
      tier: 'worker',
      missingPromises: [],
      asks: {},
      grants: {},
      waitsFor: [],
    })
  })

  it('shows what a plugin asks for, what was confirmed, and what it waits for', () => {
    const manifest = { limits: { memoryMb: 128, cpuMs: 100 }, env: ['A', 'B'], modules: ['node:os', 'path'] }
    expect(toPluginView({ ...row, manifest, grants: { env: ['A'] } })).toMatchObject({
      asks: { limits: { memoryMb: 128 }, env: ['A', 'B'], modules: ['os'] },
      grants: { env: ['A'] },
      waitsFor: ['limits.memoryMb 128', 'env B', 'modules os'],
    })
  })

  it('calls a plugin able to take webhooks when it declares routes and may', () => {
    const ingress = [{ route: 'r' }]
    const able = (manifest: Record<string, unknown>) => toPluginView({ ...row, manifest }).ingressCapable
    expect(able({ ingress, permissions: ['webhook:ingress'] })).toBe(true)
    expect(able({ ingress, permissions: [] })).toBe(false)
    expect(able({ ingress: [], permissions: ['webhook:ingress'] })).toBe(false)
  })

  it('shows a row whose manifest another version wrote', () => {
    const manifest = { type: 5, permissions: 'all', provides: [1], configSchema: 'x', sessionScoped: 'no' }
    expect(toPluginView({ ...row, manifest })).toMatchObject({
      type: 'extension',
      permissions: [],
      sessionScoped: true,
    })
  })
})
