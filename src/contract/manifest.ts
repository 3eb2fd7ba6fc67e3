// The manifest of a plugin: what it must say of itself before any of its code is looked at (plugin contract, section 1).
import * as v from 'valibot'
import { isPermission, permissions } from './capabilities.ts'
import { PluginId } from './ids.ts'

/** The OpenWA version whose contract Wharf keeps; `minOpenWAVersion` is compared with it. */
export const OPENWA_VERSION = '0.24.0'

/** Ids that OpenWA keeps for what it ships itself, whatever their case. Wharf's own plugins of these names are bundled. */
export const reservedPluginIds = ['whatsapp-web.js', 'baileys', 'auto-reply', 'translation'] as const

const text = (field: string) =>
  v.pipe(
    v.string(`manifest.json has a missing or invalid required field: ${field}`),
    v.nonEmpty(`manifest.json has a missing or invalid required field: ${field}`),
    v.maxLength(256, `manifest.json ${field} is longer than 256 characters`),
  )

const strings = (field: string) =>
  v.nullish(
    v.pipe(
      v.array(
        v.string(`manifest.json ${field} must be an array of strings`),
        `manifest.json ${field} must be an array of strings`,
      ),
      v.maxLength(256, `manifest.json ${field} has more than 256 entries`),
    ),
  )

/** Relative, forward slashes, inside the package after normalizing: `./index.js` and `dist/../index.js` pass, `../x` does not. */
function staysInside(path: string): boolean {
  if (path.startsWith('/') || path.includes('\\') || path.includes('\u0000') || /^[a-z]:/i.test(path))
    return false
  let depth = 0
  for (const segment of path.split('/')) {
    if (segment === '..') depth -= 1
    else if (segment !== '' && segment !== '.') depth += 1
    if (depth < 0) return false
  }
  return depth > 0
}

const SEMVER = /^(\d{1,6})\.(\d{1,6})\.(\d{1,6})(-[0-9A-Za-z.-]{1,64})?$/

/** True when the host's level reaches the asked one; a pre-release satisfies its own release floor. */
export function meetsVersion(asked: string, running: string = OPENWA_VERSION): boolean {
  const parts = (version: string) =>
    SEMVER.exec(version)?.slice(1, 4).map(Number) ?? [Number.POSITIVE_INFINITY]
  const [want, have] = [parts(asked), parts(running)]
  for (let index = 0; index < 3; index += 1) {
    const difference = (have[index] ?? 0) - (want[index] ?? 0)
    if (difference !== 0) return difference > 0
  }
  return true
}

/** Fields that the host does not read pass through unseen: `v.object` drops them. */
export const Manifest = v.pipe(
  v.object(
    {
      id: v.pipe(
        v.string('manifest.json has a missing or invalid required field: id'),
        v.nonEmpty('manifest.json has a missing or invalid required field: id'),
        v.check(
          id => v.safeParse(PluginId, id).success,
          issue => `Invalid plugin id: ${JSON.stringify(issue.input).slice(0, 120)}`,
        ),
        v.brand('PluginId'),
      ),
      name: text('name'),
      version: text('version'),
      type: v.pipe(
        text('type'),
        v.check(
          type => type === 'extension',
          'Plugins of this type are not installable: type must be "extension"',
        ),
      ),
      main: v.pipe(text('main'), v.check(staysInside, 'main escapes the plugin directory')),
      description: v.nullish(v.pipe(v.string(), v.maxLength(4_096))),
      author: v.nullish(v.unknown()),
      minOpenWAVersion: v.nullish(
        v.pipe(
          v.string('minOpenWAVersion must be a MAJOR.MINOR.PATCH version'),
          v.regex(SEMVER, 'minOpenWAVersion must be a MAJOR.MINOR.PATCH version'),
        ),
      ),
      permissions: strings('permissions'),
      sessions: strings('sessions'),
      hooks: strings('hooks'),
      provides: strings('provides'),
      requires: strings('requires'),
      net: v.nullish(
        v.object(
          { allow: strings('net.allow'), allowConfigHosts: strings('net.allowConfigHosts') },
          'manifest.json net must be an object',
        ),
      ),
      sessionScoped: v.nullish(v.boolean('manifest.json sessionScoped must be true or false'), true),
      configSchema: v.nullish(
        v.record(v.string(), v.unknown(), 'manifest.json configSchema must be an object'),
      ),
      configUi: v.nullish(v.object({ entry: v.string(), height: v.nullish(v.number()) })),
      i18n: v.nullish(v.record(v.string(), v.unknown())),
    },
    'manifest.json must be a JSON object',
  ),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return
    const { id, permissions: asked, minOpenWAVersion } = dataset.value
    if (reservedPluginIds.some(reserved => reserved === id.toLowerCase()))
      addIssue({ message: `The id ${id} is reserved by a built-in plugin` })
    for (const permission of asked ?? [])
      if (!isPermission(permission))
        addIssue({
          message: `Unknown permission: ${JSON.stringify(permission).slice(0, 80)}. Known are ${Object.keys(permissions).join(', ')}`,
        })
    if (minOpenWAVersion && !meetsVersion(minOpenWAVersion))
      addIssue({ message: `${id} requires OpenWA >= ${minOpenWAVersion} (running ${OPENWA_VERSION})` })
  }),
)
export type Manifest = v.InferOutput<typeof Manifest>
