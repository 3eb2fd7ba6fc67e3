// The automation rules: kept in memory, where every message that comes in is held against them; the database is the truth.
import type { EngineHandlers } from '../../src/contract/engine.ts'
import { GatewayError } from '../../src/contract/errors.ts'
import {
  deleteRule,
  findRule,
  insertRule,
  listRules,
  type RuleRow,
  toRule,
  updateRule,
} from '../../src/db/automation.ts'
import type { Db, Writer } from '../../src/db/db.ts'
import { findSession } from '../../src/db/sessions.ts'

type RuleMethod = Extract<keyof EngineHandlers, `automation.${string}`>

export interface AutomationRules {
  handlers: Pick<EngineHandlers, RuleMethod>
  /** Reads them. To be awaited before the first message comes in. */
  load(): Promise<void>
  /** Those that are switched on, oldest first. */
  of(sessionId: string): readonly RuleRow[]
  /** Whether any session has one. */
  hasAny(): boolean
}

const notFound = (id: string) => new GatewayError('not_found', `Automation rule ${id} not found`)

export function createAutomationRules(deps: {
  db: Db
  writer: Writer
  now(): number
  /** A UUID; those of later calls sort behind. */
  newId(): string
  /** OpenWA's `AUTOMATION_MAX_PER_SESSION`: each message is held against all of them. */
  maxPerSession: number
}): AutomationRules {
  const { db, writer, now, newId, maxPerSession } = deps
  let rules = new Map<string, RuleRow[]>()

  function keep(rows: readonly RuleRow[]) {
    const enabled = rows.filter(row => row.enabled)
    rules = new Map(
      Object.entries(Object.groupBy(enabled, row => row.sessionId)).map(([id, of = []]) => [id, of]),
    )
  }

  async function refresh(sessionId: string) {
    const enabled = (await listRules(db, sessionId)).filter(row => row.enabled)
    if (enabled.length > 0) rules.set(sessionId, enabled)
    else rules.delete(sessionId)
  }

  async function require(sessionId: string, id: string): Promise<RuleRow> {
    const row = await findRule(db, sessionId, id)
    if (row === null) throw notFound(id)
    return row
  }

  return {
    handlers: {
      async 'automation.create'({ sessionId, input }) {
        if ((await findSession(db, sessionId)) === null)
          throw new GatewayError('not_found', `Session with id '${sessionId}' not found`)
        const row: RuleRow = { id: newId(), sessionId, ...input, createdAt: now(), updatedAt: now() }
        const [inserted] = await writer.commit([insertRule(row, maxPerSession)])
        if (inserted !== 1)
          throw new GatewayError(
            'automation_limit',
            `Automation rule limit reached for this session (${maxPerSession}); delete one before adding another`,
          )
        await refresh(sessionId)
        return toRule(row)
      },
      async 'automation.update'({ sessionId, ruleId, input }) {
        await require(sessionId, ruleId)
        const given = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined))
        await writer.commit([updateRule(db, ruleId, { ...given, updatedAt: now() })])
        await refresh(sessionId)
        return toRule(await require(sessionId, ruleId))
      },
      async 'automation.delete'({ sessionId, ruleId }) {
        await require(sessionId, ruleId)
        await writer.commit([deleteRule(db, ruleId)])
        await refresh(sessionId)
        return null
      },
    },
    load: async () => keep(await listRules(db)),
    of: sessionId => rules.get(sessionId) ?? [],
    hasAny: () => rules.size > 0,
  }
}
