// The manifest of a plugin: what it must say of itself before any of its code is looked at (plugin contract, section 1).
import * as v from 'valibot'
import { isPermission, permissions } from './capabilities.ts'
import { askFields } from './grants.ts'
import { PluginId } from './ids.ts'
import { readIngress } from './ingress.ts'
import { readPermissionsObject } from './permissions-object.ts'
import { ConfigSchema } from './plugin-config.ts'
import { tiers } from './plugin-view.ts'

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

/** Hooks for which a plugin may ask to be a guard: while it cannot answer, the thing is refused. */
export const guardableHooks = ['message:sending', 'webhook:before'] as const

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

/** Such a list whose every entry must also be known; each unknown one is a fault of its own. */
const known = (field: string, isKnown: (entry: string) => boolean, fault: (entry: string) => string) =>
  v.nullish(
    v.pipe(
      v.array(
        v.pipe(
          v.string(`manifest.json ${field} must be an array of strings`),
          v.check(isKnown, issue => fault(issue.input)),
        ),
        `manifest.json ${field} must be an array of strings`,
      ),
      v.maxLength(256, `manifest.json ${field} has more than 256 entries`),
    ),
  )

export interface HostRule {
  /** `*`, a host as `new URL` writes it, or `*.` and such a host. */
  host: string
  /** Null where the rule names none. */
  port: number | null
}

/**
 * An entry of `net.allow`, or null for text that is none. A wildcard stands for one whole label before at least two
 * others: `*.com` would cover a public suffix, `*example.com` somebody else's domain.
 */
export function parseHostRule(text: string): HostRule | null {
  const match = /^(\*\.)?(\*|\[[0-9a-f:.]+\]|[^\s:/?#@*[\]\\%]+)(?::(\d{1,5}))?$/i.exec(text)
  if (!match || text.length > 270) return null
  const [, wildcard = '', name = '', digits] = match
  const port = digits === undefined ? null : Number(digits)
  if (port !== null && (port < 1 || port > 65_535)) return null
  if (name === '*') return wildcard === '' ? { host: '*', port } : null
  if (!URL.canParse(`http://${name}/`)) return null
  const host = new URL(`http://${name}/`).hostname.replace(/\.$/, '')
  if (wildcard !== '' && (!host.includes('.') || host.startsWith('[') || /^[\d.]+$/.test(host))) return null
  return { host: `${wildcard}${host}`, port }
}

/** Text of a manifest in an error message: it may be of any length and hold anything. */
const shown = (text: string) => JSON.stringify(text).slice(0, 80)

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

const NOT_AN_OBJECT = 'manifest.json must be a JSON object'

const asPath = (keys: readonly (string | number)[], input: unknown) =>
  keys.map(key => ({ type: 'unknown', origin: 'value', input, key, value: undefined }) as const) as [
    v.UnknownPathItem,
    ...v.UnknownPathItem[],
  ]

/** Fields that the host does not read pass through unseen: `v.object` drops them. */
export const Manifest = v.pipe(
  v.custom<Record<string, unknown>>(
    input => typeof input === 'object' && input !== null && !Array.isArray(input),
    NOT_AN_OBJECT,
  ),
  v.transform(readPermissionsObject),
  v.object(
    {
      id: v.pipe(
        v.string('manifest.json has a missing or invalid required field: id'),
        v.nonEmpty('manifest.json has a missing or invalid required field: id'),
        v.check(
          id => v.safeParse(PluginId, id).success,
          issue => `Invalid plugin id: ${shown(issue.input)}`,
        ),
        v.check(
          id => !reservedPluginIds.some(reserved => reserved === id.toLowerCase()),
          issue => `The id ${shown(issue.input)} is reserved by a built-in plugin`,
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
      permissions: known(
        'permissions',
        isPermission,
        name => `Unknown permission: ${shown(name)}. Known are ${Object.keys(permissions).join(', ')}`,
      ),
      sessions: strings('sessions'),
      hooks: strings('hooks'),
      failClosed: known(
        'failClosed',
        entry => guardableHooks.some(hook => hook === entry),
        entry =>
          `manifest.json failClosed holds ${shown(entry)}; it may hold ${guardableHooks.join(' and ')}`,
      ),
      provides: strings('provides'),
      requires: strings('requires'),
      net: v.nullish(
        v.object(
          {
            allow: known(
              'net.allow',
              entry => parseHostRule(entry) !== null,
              entry =>
                `manifest.json net.allow holds ${shown(entry)}, which is not a host, host:port or *.domain`,
            ),
            allowConfigHosts: strings('net.allowConfigHosts'),
            deny: known(
              'net.deny',
              entry => parseHostRule(entry) !== null,
              entry =>
                `manifest.json net.deny holds ${shown(entry)}, which is not a host, host:port or *.domain`,
            ),
          },
          'manifest.json net must be an object',
        ),
      ),
      ...askFields,
      sessionScoped: v.nullish(v.boolean('manifest.json sessionScoped must be true or false'), true),
      configSchema: v.nullish(ConfigSchema),
      /** The tier that it wants at least; the operator's word counts more. */
      tier: v.nullish(v.picklist(tiers, `manifest.json tier must be one of ${tiers.join(', ')}`)),
      configUi: v.nullish(
        v.object({
          entry: v.pipe(v.string(), v.check(staysInside, 'configUi.entry escapes the plugin directory')),
          height: v.nullish(v.number()),
        }),
      ),
      i18n: v.nullish(v.record(v.string(), v.unknown())),
      // Judged below, with what belongs together; kept as they stand, since who uses the routes reads them again.
      sdkVersion: v.nullish(v.unknown()),
      ingress: v.nullish(v.unknown()),
    },
    // The message is also that of a missing field, whose name stands in `expected` with quotes.
    issue =>
      issue.expected?.startsWith('"')
        ? `manifest.json has a missing or invalid required field: ${issue.expected.slice(1, -1)}`
        : NOT_AN_OBJECT,
  ),
  v.rawCheck(({ dataset, addIssue }) => {
    // Also when another field is wrong, so that an author hears of all faults at once.
    const value = (dataset.value ?? {}) as Partial<Record<string, unknown>>
    // Whether unsigned routes may be is the operator's word, which is not known here.
    for (const { path, message } of readIngress(value, { allowUnsigned: true }).issues)
      addIssue({ message, path: asPath(path, value) })
    const { id, minOpenWAVersion } = value
    if (typeof minOpenWAVersion !== 'string' || !SEMVER.test(minOpenWAVersion)) return
    if (!meetsVersion(minOpenWAVersion))
      addIssue({
        message: `${typeof id === 'string' ? id.slice(0, 100) : 'The plugin'} requires OpenWA >= ${minOpenWAVersion} (running ${OPENWA_VERSION})`,
      })
  }),
)
export type Manifest = v.InferOutput<typeof Manifest>
