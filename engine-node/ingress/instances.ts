// Provisioned instances: made, changed and deleted for the API, opened for a request, and their configuration laid over the
// plugin's. Secrets are sealed on the way in and shown in clear once, to who made them.
import { randomBytes } from 'node:crypto'
import * as v from 'valibot'
import { GatewayError } from '../../src/contract/errors.ts'
import type { PluginConfig } from '../../src/contract/frames.ts'
import type { CreateInstance, InstanceView, UpdateInstance } from '../../src/contract/ingress.ts'
import {
  type Config,
  type ConfigSchema,
  checkConfig,
  maskSecrets,
  resolveConfig,
  restoreSecrets,
} from '../../src/contract/plugin-config.ts'
import { type Db, isUniqueViolation, type Writer } from '../../src/db/db.ts'
import {
  type BoundInstance,
  deleteInstance,
  findIngressPlugin,
  findInstance,
  type InstanceRow,
  insertInstance,
  listInstances,
  toInstanceView,
  updateInstance,
} from '../../src/db/instances.ts'
import type { Sealer } from '../store/sealer.ts'

/** Bytes of a generated secret; it is shown as twice as many hex digits. */
const SECRET_BYTES = 32

export interface InstancesDeps {
  db: Db
  writer: Writer
  sealer: Sealer
  /** Epoch milliseconds. */
  now(): number
  baseUrl: string | null
  /** Called once a change is durable: the plugin's configuration and what waits for the instance may have changed. */
  changed(pluginId: string, instanceId: string): void
}

/** An instance as a request meets it. Empty `verifyToken` means that it has none. */
export interface OpenInstance extends BoundInstance {
  secret: string
  verifyToken: string
}

export interface Instances {
  create(pluginId: string, input: CreateInstance): Promise<InstanceView>
  update(pluginId: string, instanceId: string, patch: UpdateInstance): Promise<InstanceView>
  remove(pluginId: string, instanceId: string): Promise<void>
  /** The old secret is refused from then on. */
  regenerateSecret(pluginId: string, instanceId: string): Promise<InstanceView>
  open(pluginId: string, instanceId: string): Promise<OpenInstance | null>
  /**
   * A plugin's stored configuration with that of its enabled instances laid over it, as hooks must see it: those for all
   * sessions over the base, those for one session over its slice, the youngest last.
   */
  project(pluginId: string, stored: PluginConfig): Promise<PluginConfig>
  /** What `ctx.config` is in a handler of this instance. `stored` is the plugin's own configuration. */
  configOf(pluginId: string, instanceId: string, stored: PluginConfig): Promise<Config>
}

const StoredConfig = v.record(v.string(), v.unknown())

export function createInstances({ db, writer, sealer, now, baseUrl, changed }: InstancesDeps): Instances {
  type Place = { pluginId: string; instanceId: string }
  type Column = 'secret' | 'verify_token' | 'config'
  const context = ({ pluginId, instanceId }: Place, column: Column) =>
    `plugin_instances/${pluginId}/${instanceId}/${column}`
  const seal = (place: Place, column: Column, text: string) =>
    sealer.seal(Buffer.from(text), context(place, column))
  const unseal = (place: Place, column: Column, sealed: Uint8Array) =>
    Buffer.from(sealer.open(sealed, context(place, column))).toString('utf8')

  const configIn = (row: InstanceRow): Config =>
    v.parse(StoredConfig, JSON.parse(unseal(row, 'config', row.configSealed)))
  const sealConfig = (place: Place, schema: ConfigSchema | null, config: Config) => ({
    configMasked: maskSecrets(schema, config),
    configSealed: seal(place, 'config', JSON.stringify(config)),
  })

  async function find(pluginId: string, instanceId: string): Promise<BoundInstance> {
    const found = await findInstance(db, pluginId, instanceId)
    if (found === null) throw new GatewayError('not_found', 'instance not found')
    return found
  }

  /** The view of a row that has just been written, with what is shown this once. */
  async function show(place: Place, shown: { secret?: string; verifyToken?: string | null } = {}) {
    const view = toInstanceView(await find(place.pluginId, place.instanceId), baseUrl)
    return { ...view, ...shown }
  }

  const enabledOf = async (pluginId: string) =>
    (await listInstances(db, pluginId)).map(({ row }) => row).filter(row => row.enabled)

  return {
    async create(pluginId, input) {
      const plugin = await findIngressPlugin(db, pluginId)
      if (plugin === null) throw new GatewayError('not_found', `Plugin ${pluginId.slice(0, 100)} not found`)
      if (plugin.routes.length === 0)
        throw new GatewayError('invalid_input', `plugin ${pluginId} is not ingress-capable`)
      const place = { pluginId, instanceId: input.instanceId }
      const config = restoreSecrets(plugin.configSchema, {}, input.config)
      refuseBadConfig(plugin.configSchema, config)
      const secret = input.secret ?? randomBytes(SECRET_BYTES).toString('hex')
      const verifyToken = input.verifyToken || null
      const at = now()
      const row = {
        ...place,
        ...sealConfig(place, plugin.configSchema, config),
        sessionScope: input.sessionScope,
        secretSealed: seal(place, 'secret', secret),
        verifyTokenSealed: verifyToken === null ? null : seal(place, 'verify_token', verifyToken),
        createdAt: at,
        updatedAt: at,
      }
      try {
        await writer.commit([insertInstance(db, row)])
      } catch (cause) {
        if (!isUniqueViolation(cause)) throw cause
        throw new GatewayError('instance_exists', `instance ${input.instanceId} already exists`, { cause })
      }
      changed(pluginId, input.instanceId)
      return await show(place, { secret, verifyToken })
    },
    async update(pluginId, instanceId, patch) {
      const { row, configSchema } = await find(pluginId, instanceId)
      let config: Pick<InstanceRow, 'configMasked' | 'configSealed'> | null = null
      if (patch.config !== undefined) {
        refuseBadConfig(configSchema, patch.config)
        config = sealConfig(row, configSchema, restoreSecrets(configSchema, configIn(row), patch.config))
      }
      await writer.commit([
        updateInstance(db, row, {
          ...(patch.enabled === undefined ? {} : { enabled: patch.enabled }),
          ...(patch.sessionScope === undefined ? {} : { sessionScope: patch.sessionScope }),
          ...config,
          updatedAt: now(),
        }),
      ])
      changed(pluginId, instanceId)
      return await show(row)
    },
    async remove(pluginId, instanceId) {
      const { row } = await find(pluginId, instanceId)
      await writer.commit([deleteInstance(db, row)])
      changed(pluginId, instanceId)
    },
    async regenerateSecret(pluginId, instanceId) {
      const { row } = await find(pluginId, instanceId)
      const secret = randomBytes(SECRET_BYTES).toString('hex')
      await writer.commit([
        updateInstance(db, row, { secretSealed: seal(row, 'secret', secret), updatedAt: now() }),
      ])
      const token = row.verifyTokenSealed
      return await show(row, {
        secret,
        verifyToken: token === null ? null : unseal(row, 'verify_token', token),
      })
    },
    async open(pluginId, instanceId) {
      const found = await findInstance(db, pluginId, instanceId)
      if (found === null) return null
      const { row } = found
      const token = row.verifyTokenSealed
      return {
        ...found,
        secret: unseal(row, 'secret', row.secretSealed),
        verifyToken: token === null ? '' : unseal(row, 'verify_token', token),
      }
    },
    async project(pluginId, stored) {
      let { base } = stored
      const sessions = { ...stored.sessions }
      for (const row of await enabledOf(pluginId))
        if (row.sessionScope === null) base = resolveConfig(base, configIn(row))
        else sessions[row.sessionScope] = resolveConfig(sessions[row.sessionScope] ?? {}, configIn(row))
      return { base, sessions }
    },
    async configOf(pluginId, instanceId, stored) {
      const rows = await enabledOf(pluginId)
      const row = rows.find(other => other.instanceId === instanceId)
      let config = stored.base
      for (const wildcard of rows)
        if (wildcard.sessionScope === null) config = resolveConfig(config, configIn(wildcard))
      if (row === undefined) return config
      const scope = row.sessionScope
      // Two instances on one session: the slice may have been meant for the other one.
      if (scope !== null && rows.filter(other => other.sessionScope === scope).length <= 1)
        config = resolveConfig(config, stored.sessions[scope] ?? {})
      return resolveConfig(config, configIn(row))
    },
  }
}

function refuseBadConfig(schema: ConfigSchema | null, config: Config): void {
  const messages = checkConfig(schema, config).map(({ path, message }) => `config.${path} ${message}`)
  if (messages.length > 0)
    throw new GatewayError('invalid_input', 'Validation failed', { details: { messages } })
}
