// What the gateway's settings say of the ingress routes that a package declares; what their form must be is the manifest's rule.
import { GatewayError } from '../../src/contract/errors.ts'
import { ingressWarnings, readIngress } from '../../src/contract/ingress.ts'
import type { Manifest } from '../../src/contract/manifest.ts'
import type { Logger } from '../log.ts'

/** Judges a package before it is installed. Throws `manifest_invalid` for routes that the settings do not allow. */
export type AcceptRoutes = (manifest: Manifest) => void

export function createRouteRules(deps: { allowUnsigned: boolean; log: Logger }): AcceptRoutes {
  return manifest => {
    const { routes, issues } = readIngress(manifest, deps)
    if (issues.length > 0)
      throw new GatewayError('manifest_invalid', issues.map(({ message }) => message).join('; '), {
        details: { issues: issues.map(({ path, message }) => ({ path: path.join('.'), message })) },
      })
    for (const warning of ingressWarnings(routes)) deps.log.warn({ plugin: manifest.id }, warning)
  }
}
