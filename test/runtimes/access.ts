// Who may call which route, written by hand from the REST spec: the list that people review. The route table must agree with
// it, and a route that is not here fails the suite.
import type { Role } from '../../src/api/route.ts'

export interface Access {
  role: Role | 'public'
  /** Closed to keys that are held to some sessions. */
  unscoped?: true
  /** Open to keys that are held to some chats, when the request names one of them. */
  chats?: true
}

export const access: Readonly<Record<string, Access>> = {
  'GET /sessions': { role: 'viewer' },
  'GET /sessions/stats/overview': { role: 'viewer' },
  'GET /sessions/:sid': { role: 'viewer' },
  'POST /sessions': { role: 'operator', unscoped: true },
  'GET /sessions/:sid/qr': { role: 'operator' },
  'POST /sessions/:sid/start': { role: 'operator' },
  'POST /sessions/:sid/stop': { role: 'operator' },
  'POST /sessions/:sid/logout': { role: 'operator' },
  'POST /sessions/:sid/force-kill': { role: 'operator' },
  'DELETE /sessions/:sid': { role: 'operator' },

  'GET /sessions/:sid/messages': { role: 'viewer', chats: true },
  'POST /sessions/:sid/messages/send-text': { role: 'operator', chats: true },
  'POST /sessions/:sid/messages/reply': { role: 'operator', chats: true },
  'POST /sessions/:sid/messages/send-image': { role: 'operator', chats: true },
  'POST /sessions/:sid/messages/send-video': { role: 'operator', chats: true },
  'POST /sessions/:sid/messages/send-audio': { role: 'operator', chats: true },
  'POST /sessions/:sid/messages/send-document': { role: 'operator', chats: true },
  'POST /sessions/:sid/messages/send-sticker': { role: 'operator', chats: true },
  'POST /sessions/:sid/messages/send-location': { role: 'operator', chats: true },
  'POST /sessions/:sid/messages/send-contact': { role: 'operator', chats: true },
  'POST /sessions/:sid/messages/send-poll': { role: 'operator', chats: true },
  'POST /sessions/:sid/messages/forward': { role: 'operator', chats: true },
  'POST /sessions/:sid/messages/click-button': { role: 'operator', chats: true },
  'POST /sessions/:sid/messages/vote-poll': { role: 'operator', chats: true },
  'POST /sessions/:sid/messages/send-product': { role: 'operator', chats: true },
  'POST /sessions/:sid/messages/react': { role: 'operator', chats: true },
  'POST /sessions/:sid/messages/delete': { role: 'operator', chats: true },
  'POST /sessions/:sid/messages/edit': { role: 'operator', chats: true },
  'POST /sessions/:sid/messages/pin': { role: 'operator', chats: true },
  'POST /sessions/:sid/messages/unpin': { role: 'operator', chats: true },
  'POST /sessions/:sid/messages/star': { role: 'operator', chats: true },
  'GET /sessions/:sid/messages/:chatId/history': { role: 'viewer', chats: true },
  'GET /sessions/:sid/messages/:chatId/:messageId/reactions': { role: 'viewer', chats: true },
  'GET /sessions/:sid/messages/:chatId/:messageId/media': { role: 'viewer', chats: true },
  // The upload is for no chat yet; a key held to some of them sends by URL or base64.
  'POST /sessions/:sid/uploads': { role: 'operator' },

  'POST /sessions/:sid/messages/send-template': { role: 'operator', chats: true },
  'POST /sessions/:sid/messages/send-bulk': { role: 'operator', chats: true },
  'GET /sessions/:sid/messages/batch/:batchId': { role: 'viewer' },
  'POST /sessions/:sid/messages/batch/:batchId/cancel': { role: 'operator' },
  'GET /sessions/:sid/scheduled': { role: 'viewer' },
  'GET /sessions/:sid/scheduled/:jobId': { role: 'viewer' },
  'DELETE /sessions/:sid/scheduled/:jobId': { role: 'operator' },
  'GET /sessions/:sid/templates': { role: 'operator' },
  'GET /sessions/:sid/templates/:id': { role: 'operator' },
  'POST /sessions/:sid/templates': { role: 'operator' },
  'PUT /sessions/:sid/templates/:id': { role: 'operator' },
  'DELETE /sessions/:sid/templates/:id': { role: 'operator' },
  'GET /sessions/:sid/automation-rules': { role: 'operator' },
  'GET /sessions/:sid/automation-rules/:id': { role: 'operator' },
  'POST /sessions/:sid/automation-rules': { role: 'operator' },
  'PUT /sessions/:sid/automation-rules/:id': { role: 'operator' },
  'DELETE /sessions/:sid/automation-rules/:id': { role: 'operator' },

  'GET /sessions/:sid/webhooks': { role: 'operator' },
  'GET /sessions/:sid/webhooks/:id': { role: 'operator' },
  'POST /sessions/:sid/webhooks': { role: 'operator' },
  'PUT /sessions/:sid/webhooks/:id': { role: 'operator' },
  'DELETE /sessions/:sid/webhooks/:id': { role: 'operator' },
  'POST /sessions/:sid/webhooks/:id/test': { role: 'operator' },
  // Held to the sessions of the key by what they list and do.
  'GET /webhooks': { role: 'operator' },
  'GET /webhooks/delivery-failures': { role: 'admin' },
  'POST /webhooks/delivery-failures/redrive': { role: 'admin' },
  'GET /webhooks/deliveries': { role: 'operator' },
  'POST /webhooks/deliveries/replay': { role: 'operator' },
  'GET /webhooks/deliveries/:id': { role: 'operator' },
  'POST /webhooks/deliveries/:id/replay': { role: 'operator' },
  'GET /events': { role: 'viewer' },
  'GET /events/stream': { role: 'viewer' },
  'GET /events/ws': { role: 'viewer' },

  // Held to the sessions of the key by what it finds.
  'GET /search': { role: 'operator' },

  'GET /audit': { role: 'admin', unscoped: true },

  'GET /plugins': { role: 'admin', unscoped: true },
  'GET /plugins/catalog': { role: 'admin', unscoped: true },
  'GET /plugins/:id/calls': { role: 'admin', unscoped: true },
  'GET /plugins/:id/config-ui': { role: 'admin', unscoped: true },
  'POST /plugins/:id/update': { role: 'admin', unscoped: true },
  'GET /plugins/:id': { role: 'admin', unscoped: true },
  'GET /plugins/:id/health': { role: 'admin', unscoped: true },
  'POST /plugins/install': { role: 'admin', unscoped: true },
  'POST /plugins/install-url': { role: 'admin', unscoped: true },
  'POST /plugins/:id/enable': { role: 'admin', unscoped: true },
  'POST /plugins/:id/disable': { role: 'admin', unscoped: true },
  'PUT /plugins/:id/config/:sessionId': { role: 'admin' },
  'PUT /plugins/:id/config': { role: 'admin', unscoped: true },
  'PUT /plugins/:id/sessions': { role: 'admin', unscoped: true },
  'DELETE /plugins/:id': { role: 'admin', unscoped: true },

  'POST /integration/plugins/:pluginId/instances': { role: 'admin', unscoped: true },
  'GET /integration/plugins/:pluginId/instances': { role: 'admin', unscoped: true },
  'GET /integration/plugins/:pluginId/instances/:instanceId': { role: 'admin', unscoped: true },
  'PATCH /integration/plugins/:pluginId/instances/:instanceId': { role: 'admin', unscoped: true },
  'DELETE /integration/plugins/:pluginId/instances/:instanceId': { role: 'admin', unscoped: true },
  'POST /integration/plugins/:pluginId/instances/:instanceId/regenerate-secret': {
    role: 'admin',
    unscoped: true,
  },
  'POST /integration/instances/:pluginId/:instanceId/redrive': { role: 'admin', unscoped: true },
  // Signed by their senders, who have no key.
  'GET /ingress/:pluginId/:instanceId/:path': { role: 'public' },
  'POST /ingress/:pluginId/:instanceId/:path': { role: 'public' },
  'PUT /ingress/:pluginId/:instanceId/:path': { role: 'public' },
  'PATCH /ingress/:pluginId/:instanceId/:path': { role: 'public' },
  'DELETE /ingress/:pluginId/:instanceId/:path': { role: 'public' },

  'GET /auth/api-keys': { role: 'admin', unscoped: true },
  'GET /auth/api-keys/:id': { role: 'admin', unscoped: true },
  'POST /auth/api-keys': { role: 'admin', unscoped: true },
  'PUT /auth/api-keys/:id': { role: 'admin', unscoped: true },
  'POST /auth/api-keys/:id/revoke': { role: 'admin', unscoped: true },
  'DELETE /auth/api-keys/:id': { role: 'admin', unscoped: true },
  'POST /auth/validate': { role: 'viewer' },

  'GET /health': { role: 'public' },
  'GET /health/live': { role: 'public' },
  'GET /health/ready': { role: 'public' },
  'GET /docs': { role: 'public' },
  'GET /docs/style.css': { role: 'public' },
  'GET /docs/openapi.json': { role: 'public' },
}
