// Instances of plugins that take webhooks (REST spec, section 16): reads come from the database, changes go through the
// engine, since it holds the key of their secrets.
import * as v from 'valibot'
import { GatewayError } from '../../contract/errors.ts'
import { PluginId } from '../../contract/ids.ts'
import { CreateInstance, InstanceId, InstanceView, Redriven, UpdateInstance } from '../../contract/ingress.ts'
import { findInstance, listInstances, toInstanceView } from '../../db/instances.ts'
import { type Route, route } from '../route.ts'
import { pathId } from '../validate.ts'

const noPlugin = (id: string) => `Plugin ${id} not found`
const noInstance = () => 'instance not found'

const ByPlugin = v.object({ pluginId: pathId(PluginId, noPlugin) })
const ByInstance = v.object({ ...ByPlugin.entries, instanceId: pathId(InstanceId, noInstance) })

/** Instances act for whichever session they are bound to, so keys that are held to some sessions are refused. */
const everySession = { role: 'admin', unscoped: true } as const

export const instanceRoutes: readonly Route[] = [
  route({
    ...everySession,
    method: 'POST',
    path: '/integration/plugins/:pluginId/instances',
    summary: 'Provision an instance of a plugin; its secret is shown in this answer alone',
    params: ByPlugin,
    body: CreateInstance,
    status: 201,
    result: InstanceView,
    handle: ({ params: { pluginId }, body }, { engine }) =>
      engine.call('instance.create', { pluginId, input: body }),
  }),
  route({
    ...everySession,
    method: 'GET',
    path: '/integration/plugins/:pluginId/instances',
    summary: 'List the instances of a plugin, oldest first',
    params: ByPlugin,
    status: 200,
    result: v.array(InstanceView),
    async handle({ params }, { db, settings }) {
      const instances = await listInstances(db, params.pluginId)
      return instances.map(instance => toInstanceView(instance, settings.baseUrl))
    },
  }),
  route({
    ...everySession,
    method: 'GET',
    path: '/integration/plugins/:pluginId/instances/:instanceId',
    summary: 'Get one instance, its secrets masked',
    params: ByInstance,
    status: 200,
    result: InstanceView,
    async handle({ params }, { db, settings }) {
      const instance = await findInstance(db, params.pluginId, params.instanceId)
      if (instance === null) throw new GatewayError('not_found', noInstance())
      return toInstanceView(instance, settings.baseUrl)
    },
  }),
  route({
    ...everySession,
    method: 'PATCH',
    path: '/integration/plugins/:pluginId/instances/:instanceId',
    summary: 'Enable or disable an instance, bind it to a session, or replace its configuration',
    params: ByInstance,
    body: UpdateInstance,
    status: 200,
    result: InstanceView,
    handle: ({ params, body }, { engine }) => engine.call('instance.update', { ...params, input: body }),
  }),
  route({
    ...everySession,
    method: 'DELETE',
    path: '/integration/plugins/:pluginId/instances/:instanceId',
    summary: 'Delete an instance; what it acknowledged and has not handled becomes dead letters',
    params: ByInstance,
    status: 204,
    result: null,
    handle: ({ params }, { engine }) => engine.call('instance.delete', params),
  }),
  route({
    ...everySession,
    method: 'POST',
    path: '/integration/plugins/:pluginId/instances/:instanceId/regenerate-secret',
    summary: 'Give an instance a new secret; the old one is refused from then on',
    params: ByInstance,
    status: 200,
    result: InstanceView,
    handle: ({ params }, { engine }) => engine.call('instance.regenerateSecret', params),
  }),
  route({
    ...everySession,
    method: 'POST',
    path: '/integration/instances/:pluginId/:instanceId/redrive',
    summary: 'Take up the next hundred webhooks whose handler failed for good',
    params: ByInstance,
    status: 201,
    result: Redriven,
    handle: ({ params }, { engine }) => engine.call('ingress.redrive', params),
  }),
]
