// The event log of a gateway without webhooks.
import { createEventLog, type EventLog } from '../../engine-node/outbox/event-log.ts'

export const eventLogAlone = (now: () => number): EventLog =>
  createEventLog({
    webhooksOf: () => [],
    now,
    newId: () => crypto.randomUUID(),
    maxInlineMediaBytes: 0,
  })
