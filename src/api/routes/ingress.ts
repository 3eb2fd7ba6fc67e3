// Webhooks from outside (plugin contract, section 13): public, and handed to the engine as they came, byte for byte. What
// is authentic, and what the sender hears, the engine says.
import * as v from 'valibot'
import { MAX_INGRESS_BODY_BYTES } from '../../contract/ingress.ts'
import { toBase64 } from '../base64.ts'
import { type Route, reply, route } from '../route.ts'

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

/** Any text: who asks for what is not there hears so from the engine, as from OpenWA. */
const Target = v.object({ pluginId: v.string(), instanceId: v.string(), path: v.string() })

const nothing = new Uint8Array()

export const ingressRoutes: readonly Route[] = methods.map(method =>
  route({
    method,
    path: '/ingress/:pluginId/:instanceId/:path',
    summary: 'Deliver a webhook to an instance of a plugin',
    role: 'public',
    // A raw row has a window of its own.
    rateLimited: false,
    params: Target,
    raw: { maxBytes: MAX_INGRESS_BODY_BYTES },
    status: 200,
    result: null,
    async handle({ params, raw }, { engine }) {
      const { status, headers, body } = await engine.call('ingress.receive', {
        pluginId: params.pluginId,
        instanceId: params.instanceId,
        route: params.path,
        method: raw?.method ?? method,
        headers: raw?.headers ?? {},
        query: raw?.query ?? {},
        rawBody: toBase64(raw?.bytes ?? nothing),
        clientIp: raw?.clientIp ?? 'unknown',
      })
      return reply(status, body, headers)
    },
  }),
)
