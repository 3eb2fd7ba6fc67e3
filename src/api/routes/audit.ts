// The audit for admins (REST spec, section 13): who did what, and what plugins came to.
import * as v from 'valibot'
import { AuditView, auditActions, severities } from '../../contract/audit.ts'
import { listAudit } from '../../db/audit.ts'
import { type Route, route } from '../route.ts'
import { clamped } from '../validate.ts'

const Id = v.optional(v.pipe(v.string('must be given once'), v.maxLength(100, 'is too long')))

const AuditQuery = v.object({
  action: v.optional(v.picklist(Object.keys(auditActions), 'must be the name of an action')),
  severity: v.optional(v.picklist(severities, `must be one of ${severities.join(', ')}`)),
  sessionId: Id,
  apiKeyId: Id,
  limit: clamped({ min: 1, max: 200, fallback: 50 }),
  offset: clamped({ min: 0, max: 1_000_000, fallback: 0 }),
})

export const auditRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/audit',
    summary: 'List what was done by whom, newest first',
    role: 'admin',
    unscoped: true,
    query: AuditQuery,
    status: 200,
    result: v.strictObject({ data: v.array(AuditView), total: v.number() }),
    handle: ({ query }, { db }) => listAudit(db, query),
  }),
]
