import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { parseManifest } from '../plugins/archive.ts'
import { createRouteRules } from './route-rules.ts'

const manifest = (signature: Record<string, unknown>) =>
  parseManifest({
    id: 'hooked',
    name: 'Hooked',
    version: '1.0.0',
    type: 'extension',
    main: 'index.js',
    sdkVersion: '1',
    permissions: ['webhook:ingress'],
    ingress: [{ route: 'in', mode: 'async', signature, verify: 'core', maxBodyBytes: 1_024 }],
  })
const log = pino({ level: 'silent' })

describe('route rules', () => {
  it('refuse an unsigned route unless the settings allow it, and say how', () => {
    const unsigned = manifest({ scheme: 'none' })
    expect(() => createRouteRules({ allowUnsigned: false, log })(unsigned)).toThrow(
      expect.objectContaining({
        code: 'manifest_invalid',
        message: expect.stringContaining('ALLOW_UNSIGNED_INGRESS=true'),
      }),
    )
    createRouteRules({ allowUnsigned: true, log })(unsigned)
  })

  it('let signed routes and plugins without any pass', () => {
    const accept = createRouteRules({ allowUnsigned: false, log })
    accept(manifest({ scheme: 'shared-secret', header: 'x-secret' }))
    accept(parseManifest({ id: 'plain', name: 'P', version: '1', type: 'extension', main: 'index.js' }))
  })
})
