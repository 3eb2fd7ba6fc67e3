// The configuration of a plugin as pure functions over its `configSchema` (plugin contract, section 2): defaults, masks,
// writing back, checking, and a session's slice over the base. Where it is stored, and how sealed, is the engine's business.
import * as v from 'valibot'
import { SECRET_MASK } from './plugin-view.ts'
import { mayMatch } from './safe-pattern.ts'

export type Config = Record<string, unknown>

/** What the server reads of a field. The rest (title, description, required, …) is for forms and passes through. */
export interface ConfigField {
  type?: string | undefined
  default?: unknown
  enum?: unknown[] | undefined
  secret?: boolean | undefined
  min?: number | undefined
  max?: number | undefined
  pattern?: string | undefined
  items?: ConfigField | undefined
  properties?: Record<string, ConfigField> | undefined
  [more: string]: unknown
}

/** Fields of one form, all levels of it: more are an attack on whoever draws it. */
const MAX_FIELDS = 500

const ConfigField: v.GenericSchema<unknown, ConfigField> = v.looseObject(
  {
    type: v.optional(v.string('configSchema: type must be a string')),
    default: v.optional(v.unknown()),
    enum: v.optional(v.array(v.unknown(), 'configSchema: enum must be an array')),
    secret: v.optional(v.boolean('configSchema: secret must be true or false')),
    min: v.optional(v.number('configSchema: min must be a number')),
    max: v.optional(v.number('configSchema: max must be a number')),
    pattern: v.optional(v.string('configSchema: pattern must be a string')),
    items: v.optional(v.lazy(() => ConfigField)),
    properties: v.optional(v.lazy(() => Fields)),
  },
  'configSchema: a field must be an object',
)
const Fields: v.GenericSchema<unknown, Record<string, ConfigField>> = v.pipe(
  v.custom<Record<string, unknown>>(isRecord, 'configSchema: properties must be an object'),
  v.record(v.string(), ConfigField),
)

/** The form of a configuration as a manifest declares it. `$ref` and other keywords of JSON Schema mean nothing here. */
export const ConfigSchema = v.pipe(
  v.custom<Record<string, unknown>>(isRecord, 'manifest.json configSchema must be an object'),
  v.looseObject({ properties: v.optional(Fields) }),
  v.check(
    schema => countFields(schema) <= MAX_FIELDS,
    `manifest.json configSchema has more than ${MAX_FIELDS} fields`,
  ),
)
export type ConfigSchema = v.InferOutput<typeof ConfigSchema>

const countFields = (field: ConfigField): number =>
  1 +
  (field.items ? countFields(field.items) : 0) +
  Object.values(field.properties ?? {}).reduce((sum, inner) => sum + countFields(inner), 0)

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const fieldOf = (field: ConfigField, key: string): ConfigField | undefined =>
  field.properties && Object.hasOwn(field.properties, key) ? field.properties[key] : undefined

const isEmpty = (value: unknown) => value === undefined || value === null || value === ''

/** `config` with the top-level defaults of keys that it lacks. Null counts as set. */
export function seedDefaults(schema: ConfigSchema | null | undefined, config: Config): Config {
  const seeded = { ...config }
  for (const [key, field] of Object.entries(schema?.properties ?? {}))
    if (field.default !== undefined && (!Object.hasOwn(seeded, key) || seeded[key] === undefined))
      seeded[key] = structuredClone(field.default)
  return seeded
}

/** `config` as a reader may see it: every secret that is set shows as the mask, at any depth. */
export function maskSecrets(schema: ConfigSchema | null | undefined, config: Config): Config {
  return schema ? (maskValue(schema, config) as Config) : config
}

function maskValue(field: ConfigField, value: unknown): unknown {
  if (isEmpty(value)) return value
  if (field.secret) return SECRET_MASK
  if (field.properties && isRecord(value))
    return Object.fromEntries(
      Object.entries(value).map(([key, inner]) => {
        const innerField = fieldOf(field, key)
        return [key, innerField ? maskValue(innerField, inner) : inner]
      }),
    )
  const { items } = field
  if (items && Array.isArray(value)) return value.map(row => maskValue(items, row))
  // A value of another shape than the form's may hold a secret anywhere.
  return holdsSecret(field) ? SECRET_MASK : value
}

const holdsSecret = (field: ConfigField): boolean =>
  field.secret === true ||
  (field.items !== undefined && holdsSecret(field.items)) ||
  Object.values(field.properties ?? {}).some(holdsSecret)

/**
 * What a client wrote, with the secrets that it left alone put back: the mask, an empty string or null for a secret
 * means what is stored, and nothing where nothing is stored. Keys that the client left out stay out.
 */
export function restoreSecrets(
  schema: ConfigSchema | null | undefined,
  stored: Config,
  written: Config,
): Config {
  return schema ? (restoreValue(schema, stored, written) as Config) : written
}

function restoreValue(field: ConfigField, stored: unknown, written: unknown): unknown {
  if (field.secret) return isEmpty(written) || written === SECRET_MASK ? stored : written
  if (field.properties && isRecord(written)) {
    const before = isRecord(stored) ? stored : {}
    const entries = Object.entries(written).map(([key, value]) => {
      const inner = fieldOf(field, key)
      const old = Object.hasOwn(before, key) ? before[key] : undefined
      return [key, inner ? restoreValue(inner, old, value) : value] as const
    })
    return Object.fromEntries(entries.filter(([, value]) => value !== undefined))
  }
  const { items } = field
  if (items && Array.isArray(written)) {
    const partner = pairRows(items, Array.isArray(stored) ? stored : [], written)
    return written
      .map((row, index) => restoreValue(items, partner(row, index), row))
      .filter(row => row !== undefined)
  }
  return written
}

/** What a form may call the identity of a row. */
const identities = ['id', 'key', 'name'] as const

/**
 * The stored row that a written one belongs to: by an identity that the form has and that is unique on both sides, so
 * that sorting rows does not hand one row's secret to another; without one by position, as in OpenWA.
 */
function pairRows(items: ConfigField, stored: readonly unknown[], written: readonly unknown[]) {
  const identity = identities.find(
    name =>
      fieldOf(items, name) &&
      !fieldOf(items, name)?.secret &&
      isUnique(stored, name) &&
      isUnique(written, name),
  )
  if (!identity) return (_row: unknown, index: number) => stored[index]
  const rows = new Map(stored.map(row => [(row as Config)[identity], row]))
  return (row: unknown, _index: number) => rows.get((row as Config)[identity])
}

function isUnique(rows: readonly unknown[], name: string): boolean {
  const values = rows.map(row => (isRecord(row) && Object.hasOwn(row, name) ? row[name] : undefined))
  return (
    values.every(value => (typeof value === 'string' && value !== '') || typeof value === 'number') &&
    new Set(values).size === values.length
  )
}

/** A session's slice over the base: objects key by key; lists and single values are replaced. */
export function resolveConfig(base: Config, override: Config): Config {
  const resolved = { ...base }
  for (const [key, value] of Object.entries(override)) {
    const below = resolved[key]
    resolved[key] = isRecord(below) && isRecord(value) ? resolveConfig(below, value) : value
  }
  return resolved
}

export interface ConfigIssue {
  path: string
  message: string
}

const typeChecks: Readonly<Record<string, { holds: (value: unknown) => boolean; wanted: string }>> = {
  string: { holds: value => typeof value === 'string', wanted: 'a string' },
  textarea: { holds: value => typeof value === 'string', wanted: 'a string' },
  number: { holds: value => typeof value === 'number' && Number.isFinite(value), wanted: 'a number' },
  boolean: { holds: value => typeof value === 'boolean', wanted: 'true or false' },
  array: { holds: Array.isArray, wanted: 'a list' },
  object: { holds: isRecord, wanted: 'an object' },
}

/**
 * What is wrong with a configuration that a client wrote; empty when it may be stored. Null is a value of every field,
 * `required` is the form's business, keys that the form does not know are the plugin's.
 */
export function checkConfig(schema: ConfigSchema | null | undefined, written: Config): ConfigIssue[] {
  return schema ? checkValue(schema, written, '') : []
}

function checkValue(field: ConfigField, value: unknown, path: string): ConfigIssue[] {
  if (value === null || value === undefined) return []
  if (field.secret && (isEmpty(value) || value === SECRET_MASK)) return []
  const found = (message: string) => [{ path, message }]
  const check =
    field.type !== undefined && Object.hasOwn(typeChecks, field.type) ? typeChecks[field.type] : null
  if (check && !check.holds(value)) return found(`must be ${check.wanted}`)
  if (field.enum && field.enum.length > 0 && !Array.isArray(value) && !field.enum.includes(value))
    return found('must be one of the choices')
  if (typeof value === 'number') {
    if (field.min !== undefined && value < field.min) return found(`must be at least ${field.min}`)
    if (field.max !== undefined && value > field.max) return found(`must be at most ${field.max}`)
  }
  if (typeof value === 'string' && value !== '' && field.pattern && !mayMatch(field.pattern, value))
    return found('does not have the asked form')
  const { items } = field
  if (items && Array.isArray(value))
    return value.flatMap((row, index) => checkValue(items, row, `${path}[${index}]`))
  if (field.properties && isRecord(value))
    return Object.entries(value).flatMap(([key, inner]) => {
      const innerField = fieldOf(field, key)
      return innerField ? checkValue(innerField, inner, path === '' ? key : `${path}.${key}`) : []
    })
  return []
}
