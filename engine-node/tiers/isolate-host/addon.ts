// Where the native part of isolated-vm lies for this platform and this Node.
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { GatewayError } from '../../../src/contract/errors.ts'

/** The file; throws `plugin_isolation_missing` where there is none. */
export function findIsolatedVm(): string {
  const ours = createRequire(import.meta.url)
  try {
    const manifest = ours.resolve('isolated-vm/package.json')
    const builds: unknown = createRequire(manifest)('node-gyp-build')
    if (typeof builds !== 'function' || !('path' in builds) || typeof builds.path !== 'function')
      throw new TypeError('node-gyp-build has no path')
    return String(builds.path(dirname(manifest)))
  } catch (cause) {
    throw new GatewayError(
      'plugin_isolation_missing',
      'isolated-vm has no build for this system and this Node',
      {
        cause,
      },
    )
  }
}
