// The route table of the whole API. Order matters where two paths match one request: the fixed one stands first.
import type { Route } from './route.ts'
import { apiKeyRoutes } from './routes/api-keys.ts'
import { docsRoutes } from './routes/docs.ts'
import { eventRoutes } from './routes/events.ts'
import { healthRoutes } from './routes/health.ts'
import { ingressRoutes } from './routes/ingress.ts'
import { instanceRoutes } from './routes/instances.ts'
import { messageRoutes } from './routes/messages.ts'
import { pluginRoutes } from './routes/plugins.ts'
import { sessionRoutes } from './routes/sessions.ts'
import { webhookRoutes } from './routes/webhooks.ts'

export const routes: readonly Route[] = [
  ...sessionRoutes,
  ...messageRoutes,
  ...webhookRoutes,
  ...eventRoutes,
  ...pluginRoutes,
  ...instanceRoutes,
  ...ingressRoutes,
  ...apiKeyRoutes,
  ...healthRoutes,
  ...docsRoutes,
]
