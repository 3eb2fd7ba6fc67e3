// What the rest of the gateway hears of a session: events for webhooks, written with their cause, and hooks for plugins once
// that is durable. Which change means which news is the table here.
import { toDataURL } from 'qrcode'
import * as v from 'valibot'
import type { EventData, EventName } from '../../src/contract/events.ts'
import type { HookName, HookPayload } from '../../src/contract/hooks.ts'
import { Restriction, type SessionStatus } from '../../src/contract/session.ts'
import type { Statement } from '../../src/db/db.ts'
import { type SessionRow, toSession } from '../../src/db/sessions.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { WriteQueue } from '../store/write-queue.ts'

/** Who brought a change about: what an operator asked for is no `session.disconnected` (events spec, section 1). */
export type Cause = 'operator' | 'whatsapp'

export interface SessionNews {
  created(row: SessionRow): void
  deleted(row: SessionRow): void
  /** What to commit right after the change itself. */
  changed(before: SessionRow, after: SessionRow, cause: Cause): Statement[]
  /** What to commit with a wait for the next try. */
  reconnecting(row: SessionRow, attempts: number, nextDelayMs: number): Statement[]
  qr(row: SessionRow, text: string): void
}

export interface SessionNewsDeps {
  record<N extends EventName>(
    event: N,
    sessionId: string,
    data: EventData<N>,
    facts: { occurredAt: number },
  ): Statement[]
  chain: {
    run<N extends HookName>(
      event: N,
      data: HookPayload<N>,
      origin: { sessionId: string; source: 'Engine' | 'SessionService' },
    ): Promise<unknown>
  }
  queue: Pick<WriteQueue, 'put' | 'after'>
  clock: Clock
  log: Logger
  /** For the terminal, where the operator sits at first. */
  onQr(row: SessionRow, text: string): void
}

/** States in which there is, or may soon be, a connection; leaving them for one without is a disconnect. */
const connecting: ReadonlySet<SessionStatus> = new Set([
  'initializing',
  'qr_ready',
  'authenticating',
  'ready',
])
const down: ReadonlySet<SessionStatus> = new Set(['disconnected', 'failed', 'action_required'])

/** Every so many tries in a row are told of (events spec, section 1). */
const LOOP_EVERY = 5

const NullableRestriction = v.nullable(Restriction)

export function createSessionNews(deps: SessionNewsDeps): SessionNews {
  const { record, chain, queue, clock, log } = deps

  /** Plugins hear of what is durable, and hold nothing up. */
  function tell<N extends HookName>(
    event: N,
    sessionId: string,
    data: HookPayload<N>,
    source: 'Engine' | 'SessionService',
  ) {
    queue.after(() => {
      chain
        .run(event, data, { sessionId, source })
        .catch(err => log.error({ err, event, sessionId }, 'plugins could not be told of a session'))
    })
  }

  function restriction(before: SessionRow, after: SessionRow, occurredAt: number): Statement[] {
    if (JSON.stringify(before.restriction) === JSON.stringify(after.restriction)) return []
    // One that is lifted has no words of its own: it is told which one it was.
    const said = v.parse(NullableRestriction, after.restriction ?? before.restriction)
    if (said === null) return []
    const { id: sessionId } = after
    const data = { sessionId, active: after.restriction !== null, ...said }
    return record('session.restriction', sessionId, data, { occurredAt })
  }

  return {
    created: row => tell('session:created', row.id, toSession(row), 'SessionService'),
    deleted: ({ id, name, phone, pushName }) =>
      tell('session:deleted', id, { id, name, phone, pushName }, 'SessionService'),
    changed(before, after, cause) {
      const { id: sessionId, status, phone, pushName } = after
      const occurredAt = clock.now()
      const restricted = restriction(before, after, occurredAt)
      if (status === before.status) return restricted
      const events = record('session.status', sessionId, { sessionId, status }, { occurredAt })
      const reason = after.lastError ?? 'The connection ended'
      if (status === 'initializing' && cause === 'operator')
        tell('session:starting', sessionId, { sessionId }, 'SessionService')
      if (status === 'ready') {
        events.push(
          ...record('session.authenticated', sessionId, { sessionId, phone, pushName }, { occurredAt }),
        )
        tell('session:ready', sessionId, { phone, pushName }, 'Engine')
      }
      if (down.has(status) && connecting.has(before.status) && cause === 'whatsapp') {
        events.push(...record('session.disconnected', sessionId, { sessionId, reason }, { occurredAt }))
        tell('session:disconnected', sessionId, { reason }, 'Engine')
      }
      if (status === 'failed' || status === 'action_required')
        tell('session:error', sessionId, { reason }, 'Engine')
      return [...events, ...restricted]
    },
    reconnecting({ id: sessionId }, attempts, nextDelayMs) {
      if (attempts % LOOP_EVERY !== 0) return []
      const data = { sessionId, attempts, nextDelayMs }
      return record('session.reconnect_loop', sessionId, data, { occurredAt: clock.now() })
    },
    qr(row, text) {
      const { id: sessionId } = row
      deps.onQr(row, text)
      tell('session:qr', sessionId, { sessionId }, 'Engine')
      toDataURL(text).then(
        qr => queue.put(record('session.qr', sessionId, { sessionId, qr }, { occurredAt: clock.now() })),
        err => log.error({ err, sessionId }, 'the QR code could not be drawn'),
      )
    },
  }
}
