// Writes down what was done by request and who did it: a row in the audit for each call of a route that asks for it.
import type { AuditAction } from '../contract/audit.ts'
import { insertAudit } from '../db/audit.ts'
import { toProblem } from './problem.ts'
import type { ApiDeps, Ask } from './route.ts'

export interface AuditedCall {
  action: AuditAction
  subject(ask: Ask, value: unknown): string | null
  ask: Ask
  address: string
  method: string
  path: string
  /** Where it succeeds. */
  status: number
}

export interface AuditTrail {
  /** Runs the call; its answer or failure is the call's own, and waits for the row. */
  around(call: AuditedCall, run: () => Promise<unknown>): Promise<unknown>
}

/** A call that says no in an answer of 200, as OpenWA's enabling does. */
const refusalIn = (value: unknown): string | undefined =>
  typeof value === 'object' && value !== null && 'success' in value && value.success === false
    ? String('message' in value ? value.message : 'failed')
    : undefined

export function createAuditTrail(
  deps: Pick<ApiDeps, 'db' | 'writer' | 'now' | 'log' | 'settings'>,
): AuditTrail {
  async function write(
    call: AuditedCall,
    value: unknown,
    outcome: { status: number; error?: string | undefined },
  ) {
    const { action, ask, address, method, path } = call
    const { key, params } = ask
    const { sid, sessionId = sid } = (params ?? {}) as { sid?: string; sessionId?: string }
    const subject = call.subject(ask, value)
    const rows = insertAudit(deps.db, {
      at: deps.now(),
      action,
      subject,
      ...(key !== null && { apiKey: { id: key.id, name: key.name } }),
      sessionId: sessionId ?? (action.startsWith('session_') ? (subject ?? undefined) : undefined),
      ipAddress: address,
      userAgent: ask.headers.get('user-agent'),
      method,
      path,
      statusCode: outcome.status,
      errorMessage: outcome.error,
    })
    try {
      await deps.writer.commit(rows)
    } catch (error) {
      // What was done is done: answering a failure would have the client do it again.
      deps.log({ message: 'an action could not be written to the audit', error, method, route: path })
    }
  }

  return {
    async around(call, run) {
      let value: unknown
      try {
        value = await run()
      } catch (thrown) {
        const { status, body } = toProblem(thrown, deps.settings)
        await write(call, undefined, { status, error: textOf(body) })
        throw thrown
      }
      await write(call, value, { status: call.status, error: refusalIn(value) })
      return value
    },
  }
}

const textOf = (body: unknown): string => {
  const message = typeof body === 'object' && body !== null && 'message' in body ? body.message : undefined
  return Array.isArray(message) ? message.join('; ') : String(message ?? 'failed')
}
