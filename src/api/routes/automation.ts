// Automation rules (REST spec, rows 193 to 197): lists come from the database; changes go through the engine, which keeps the
// rules in memory.
import * as v from 'valibot'
import { AutomationRule, CreateRule, RuleId, UpdateRule } from '../../contract/automation.ts'
import { GatewayError } from '../../contract/errors.ts'
import { findRule, listRules, toRule } from '../../db/automation.ts'
import { findSession } from '../../db/sessions.ts'
import { type Route, route } from '../route.ts'
import { pathId } from '../validate.ts'
import { BySession, noSession } from './sessions.ts'

const noRule = (id: string) => `Automation rule ${id} not found`
const ByRule = v.object({ ...BySession.entries, id: pathId(RuleId, noRule) })

export const automationRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/sessions/:sid/automation-rules',
    summary: 'List the automation rules of a session in the order in which they are tried',
    role: 'operator',
    params: BySession,
    status: 200,
    result: v.array(AutomationRule),
    async handle({ params: { sid } }, { db }) {
      if ((await findSession(db, sid)) === null) throw new GatewayError('not_found', noSession(sid))
      return (await listRules(db, sid)).map(toRule)
    },
  }),
  route({
    method: 'GET',
    path: '/sessions/:sid/automation-rules/:id',
    summary: 'Get one automation rule',
    role: 'operator',
    params: ByRule,
    status: 200,
    result: AutomationRule,
    async handle({ params: { sid, id } }, { db }) {
      const row = await findRule(db, sid, id)
      if (row === null) throw new GatewayError('not_found', noRule(id))
      return toRule(row)
    },
  }),
  route({
    method: 'POST',
    path: '/sessions/:sid/automation-rules',
    summary:
      'Add a rule that answers messages by itself; groups, channels and statuses only where a condition names them',
    role: 'operator',
    params: BySession,
    body: CreateRule,
    status: 201,
    result: AutomationRule,
    handle: ({ params: { sid }, body }, { engine }) =>
      engine.call('automation.create', { sessionId: sid, input: body }),
  }),
  route({
    method: 'PUT',
    path: '/sessions/:sid/automation-rules/:id',
    summary: 'Change an automation rule',
    role: 'operator',
    params: ByRule,
    body: UpdateRule,
    status: 200,
    result: AutomationRule,
    handle: ({ params: { sid, id }, body }, { engine }) =>
      engine.call('automation.update', { sessionId: sid, ruleId: id, input: body }),
  }),
  route({
    method: 'DELETE',
    path: '/sessions/:sid/automation-rules/:id',
    summary: 'Delete an automation rule',
    role: 'operator',
    params: ByRule,
    status: 204,
    result: null,
    handle: ({ params: { sid, id } }, { engine }) =>
      engine.call('automation.delete', { sessionId: sid, ruleId: id }),
  }),
]
