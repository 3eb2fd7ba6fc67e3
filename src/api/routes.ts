// The route table of the whole API. Order matters where two paths match one request: the fixed one stands first.
import type { Route } from './route.ts'
import { apiKeyRoutes } from './routes/api-keys.ts'
import { auditRoutes } from './routes/audit.ts'
import { automationRoutes } from './routes/automation.ts'
import { bulkRoutes } from './routes/bulk.ts'
import { chatRoutes } from './routes/chats.ts'
import { contactRoutes } from './routes/contacts.ts'
import { docsRoutes } from './routes/docs.ts'
import { eventRoutes } from './routes/events.ts'
import { groupRoutes } from './routes/groups.ts'
import { healthRoutes } from './routes/health.ts'
import { ingressRoutes } from './routes/ingress.ts'
import { instanceRoutes } from './routes/instances.ts'
import { messageActionRoutes } from './routes/message-actions.ts'
import { messageRoutes } from './routes/messages.ts'
import { pluginRoutes } from './routes/plugins.ts'
import { scheduledRoutes } from './routes/scheduled.ts'
import { searchRoutes } from './routes/search.ts'
import { sendRoutes } from './routes/sends.ts'
import { sessionSetupRoutes } from './routes/session-setup.ts'
import { sessionRoutes } from './routes/sessions.ts'
import { templateRoutes } from './routes/templates.ts'
import { webhookRoutes } from './routes/webhooks.ts'

export const routes: readonly Route[] = [
  ...sessionRoutes,
  ...sessionSetupRoutes,
  ...chatRoutes,
  ...contactRoutes,
  ...groupRoutes,
  ...bulkRoutes,
  ...messageRoutes,
  ...scheduledRoutes,
  ...templateRoutes,
  ...automationRoutes,
  ...sendRoutes,
  ...messageActionRoutes,
  ...webhookRoutes,
  ...eventRoutes,
  ...pluginRoutes,
  ...instanceRoutes,
  ...ingressRoutes,
  ...searchRoutes,
  ...apiKeyRoutes,
  ...auditRoutes,
  ...healthRoutes,
  ...docsRoutes,
]
