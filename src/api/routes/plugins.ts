// Plugins (REST spec, section 15): what is installed comes from the database, every change goes through the engine.
import * as v from 'valibot'
import { GatewayError } from '../../contract/errors.ts'
import { Grants } from '../../contract/grants.ts'
import { PluginId, SessionId } from '../../contract/ids.ts'
import { ListedPlugin, PluginCalls, PluginView } from '../../contract/plugin-view.ts'
import { getPlugin, listPlugins } from '../../db/plugins.ts'
import { toBase64 } from '../base64.ts'
import { type Route, reply, route } from '../route.ts'
import { pathId } from '../validate.ts'
import { noSession } from './sessions.ts'

/** OpenWA's bound for an archive. */
const MAX_ARCHIVE_BYTES = 5 * 1024 * 1024

const noPlugin = (id: string) => `Plugin ${id} not found`
const id = pathId(PluginId, noPlugin)
const ByPlugin = v.object({ id })

const Outcome = v.strictObject({ success: v.boolean(), message: v.string() })
const Config = v.strictObject({ config: v.record(v.string(), v.unknown(), 'must be an object') })
const Sessions = v.strictObject({
  sessions: v.pipe(
    v.array(
      v.pipe(v.string('must be a string'), v.nonEmpty('must not be empty'), v.maxLength(64, 'is too long')),
    ),
    v.maxLength(1_000, 'must have at most 1000 entries'),
  ),
})
const FromUrl = v.strictObject({
  url: v.pipe(v.string('must be a string'), v.url('must be a URL'), v.maxLength(2_048, 'is too long')),
})

const Enable = v.strictObject({ grants: v.optional(Grants) })

/** All of them are for admins, and all but one act on every session. */
const everySession = { role: 'admin', unscoped: true } as const

export const pluginRoutes: readonly Route[] = [
  route({
    ...everySession,
    method: 'GET',
    path: '/plugins',
    summary: 'List the plugins',
    status: 200,
    result: v.array(PluginView),
    handle: (_ask, { db }) => listPlugins(db),
  }),
  route({
    ...everySession,
    method: 'GET',
    path: '/plugins/catalog',
    summary: 'List the plugins that could be installed',
    status: 200,
    result: v.array(ListedPlugin),
    handle: (_ask, { engine }) => engine.call('catalog.list', {}),
  }),
  route({
    ...everySession,
    method: 'GET',
    path: '/plugins/:id',
    summary: 'Get one plugin',
    params: ByPlugin,
    status: 200,
    result: PluginView,
    async handle({ params }, { db }) {
      const plugin = await getPlugin(db, params.id)
      if (plugin === null) throw new GatewayError('not_found', noPlugin(params.id))
      return plugin
    },
  }),
  route({
    ...everySession,
    method: 'GET',
    path: '/plugins/:id/health',
    summary: 'Ask a plugin how it is',
    params: ByPlugin,
    status: 200,
    result: v.looseObject({ healthy: v.boolean(), message: v.optional(v.string()) }),
    handle: ({ params }, { engine }) => engine.call('plugin.health', { pluginId: params.id }),
  }),
  route({
    ...everySession,
    method: 'GET',
    path: '/plugins/:id/calls',
    summary:
      'See what a plugin asked of the gateway: what was refused and why, and how often it was let through',
    params: ByPlugin,
    status: 200,
    result: PluginCalls,
    handle: ({ params }, { engine }) => engine.call('plugin.calls', { pluginId: params.id }),
  }),
  route({
    ...everySession,
    method: 'GET',
    path: '/plugins/:id/config-ui',
    summary: 'Get the page by which a plugin is configured, as untrusted HTML',
    params: ByPlugin,
    status: 200,
    result: v.unknown(),
    async handle({ params }, { engine }) {
      const { html } = await engine.call('plugin.configPage', { pluginId: params.id })
      // Opened by itself the page may run nothing; a dashboard puts it into a frame that lets it.
      return reply(200, html, {
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy': 'sandbox',
      })
    },
  }),
  route({
    ...everySession,
    method: 'POST',
    path: '/plugins/install',
    summary: 'Install a plugin from an uploaded archive',
    upload: { field: 'file', maxBytes: MAX_ARCHIVE_BYTES },
    audit: { action: 'plugin_installed', subject: (_ask, made) => made?.id ?? null },
    status: 201,
    result: PluginView,
    handle: ({ file }, { engine }) => engine.call('plugin.install', { archive: toBase64(file) }),
  }),
  route({
    ...everySession,
    method: 'POST',
    path: '/plugins/install-url',
    summary: 'Install a plugin from an archive at a URL',
    body: FromUrl,
    audit: { action: 'plugin_installed', subject: (_ask, made) => made?.id ?? null },
    status: 201,
    result: PluginView,
    handle: ({ body }, { engine }) => engine.call('plugin.installUrl', body),
  }),
  route({
    ...everySession,
    method: 'POST',
    path: '/plugins/:id/update',
    summary:
      'Replace a plugin by another version of it; one that asks for more stays off until it is enabled',
    params: ByPlugin,
    body: FromUrl,
    audit: { action: 'plugin_updated', subject: ({ params }) => params.id },
    status: 201,
    result: PluginView,
    handle: ({ params, body }, { engine }) =>
      engine.call('plugin.update', { pluginId: params.id, url: body.url }),
  }),
  route({
    ...everySession,
    method: 'POST',
    path: '/plugins/:id/enable',
    summary:
      'Enable a plugin with the permissions that its manifest asks for, and confirm what it asks for beside',
    params: ByPlugin,
    body: Enable,
    audit: { action: 'plugin_enabled', subject: ({ params }) => params.id },
    status: 200,
    result: Outcome,
    handle: ({ params, body: { grants } }, { engine }) =>
      engine.call('plugin.enable', { pluginId: params.id, ...(grants && { grants }) }),
  }),
  route({
    ...everySession,
    method: 'POST',
    path: '/plugins/:id/disable',
    summary: 'Disable a plugin',
    params: ByPlugin,
    audit: { action: 'plugin_disabled', subject: ({ params }) => params.id },
    status: 200,
    result: Outcome,
    handle: ({ params }, { engine }) => engine.call('plugin.disable', { pluginId: params.id }),
  }),
  route({
    method: 'PUT',
    path: '/plugins/:id/config/:sessionId',
    summary: 'Set the configuration of a plugin for one session; {} clears it',
    role: 'admin',
    params: v.object({ id, sessionId: pathId(SessionId, noSession) }),
    body: Config,
    audit: { action: 'plugin_configured', subject: ({ params }) => params.id },
    status: 200,
    result: Outcome,
    async handle({ params, body }, { engine }) {
      const target = { pluginId: params.id, sessionId: params.sessionId }
      await engine.call('plugin.configureSession', { ...target, config: body.config })
      return { success: true, message: `Plugin ${params.id} configuration updated` }
    },
  }),
  route({
    ...everySession,
    method: 'PUT',
    path: '/plugins/:id/config',
    summary: 'Merge values into the configuration of a plugin',
    params: ByPlugin,
    body: Config,
    audit: { action: 'plugin_configured', subject: ({ params }) => params.id },
    status: 200,
    result: Outcome,
    async handle({ params, body }, { engine }) {
      await engine.call('plugin.configure', { pluginId: params.id, config: body.config })
      return { success: true, message: `Plugin ${params.id} configuration updated` }
    },
  }),
  route({
    ...everySession,
    method: 'PUT',
    path: '/plugins/:id/sessions',
    summary: 'Set the sessions that a plugin is active for',
    params: ByPlugin,
    body: Sessions,
    audit: { action: 'plugin_sessions_changed', subject: ({ params }) => params.id },
    status: 200,
    result: PluginView,
    handle: ({ params, body }, { engine }) =>
      engine.call('plugin.setSessions', { pluginId: params.id, sessions: body.sessions }),
  }),
  route({
    ...everySession,
    method: 'DELETE',
    path: '/plugins/:id',
    summary: 'Uninstall a plugin with all that it stored',
    params: ByPlugin,
    audit: { action: 'plugin_uninstalled', subject: ({ params }) => params.id },
    status: 200,
    result: Outcome,
    async handle({ params }, { engine }) {
      await engine.call('plugin.uninstall', { pluginId: params.id })
      return { success: true, message: `Plugin ${params.id} uninstalled successfully` }
    },
  }),
]
