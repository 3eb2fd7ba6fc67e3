// Takes in bulk sends and cancels them. A batch is a row with one job for each message; of these only the first that is open
// has a time, and gets the runner to it.
import * as v from 'valibot'
import type { BulkItem, SendBulk } from '../../src/contract/bulk.ts'
import type { EngineHandlers } from '../../src/contract/engine.ts'
import { GatewayError } from '../../src/contract/errors.ts'
import { chatOf, Send, whyNotKept } from '../../src/contract/job.ts'
import { fillIn } from '../../src/contract/template.ts'
import {
  type BatchRow,
  batchProgress,
  countOpenBatches,
  findBatch,
  insertBatch,
  stopBatch,
} from '../../src/db/batches.ts'
import { type Db, isUniqueViolation, type Writer } from '../../src/db/db.ts'
import { insertJob } from '../../src/db/jobs.ts'
import { findSession } from '../../src/db/sessions.ts'

type BatchMethod = Extract<keyof EngineHandlers, `bulk.${string}`>

export type Batches = Pick<EngineHandlers, BatchMethod>

/** What one send takes beside the delay that is asked for, for the time that is told to the client. */
const SEND_MS = 500

export function createBatches(deps: {
  db: Db
  writer: Writer
  now(): number
  /** A UUID; those of later calls sort behind. */
  newId(): string
  /** OpenWA's `BULK_MAX_CONCURRENT_BATCHES`, of one session: each is a promise to send for minutes. */
  maxOpen: number
  onNew(): void
}): Batches {
  const { db, writer, now, newId } = deps

  async function requireStarted(sessionId: string) {
    const session = await findSession(db, sessionId)
    if (session === null) throw new GatewayError('not_found', `Session with id '${sessionId}' not found`)
    if (!session.engineLoaded) throw new GatewayError('session_not_started', 'Session is not started')
  }

  function insertion(sessionId: string, batchId: string, input: SendBulk, sends: readonly Send[]) {
    const createdAt = now()
    const { delayBetweenMessages: delayMs, randomizeDelay: randomize, stopOnError } = input.options
    const batch: BatchRow = {
      id: newId(),
      sessionId,
      batchId,
      status: 'pending',
      delayMs,
      randomize,
      stopOnError,
      createdAt,
      startedAt: null,
      completedAt: null,
    }
    const jobs = sends.map((send, position) =>
      insertJob(db, {
        id: newId(),
        sessionId,
        origin: 'bulk',
        batch: batch.id,
        position,
        chatId: chatOf(send),
        type: send.type,
        input: JSON.stringify(send.input),
        sendAt: createdAt,
        dueAt: position === 0 ? createdAt : null,
        state: 'waiting',
        createdAt,
      }),
    )
    return [insertBatch(db, batch), ...jobs]
  }

  return {
    async 'bulk.create'({ sessionId, input }) {
      await requireStarted(sessionId)
      const sends = distinct(input.messages).map(toSend)
      if ((await countOpenBatches(db, sessionId)) >= deps.maxOpen)
        throw new GatewayError('bulk_limit', `Too many bulk batches in progress (max ${deps.maxOpen})`)
      const batchId = input.batchId ?? `batch_${newId().replaceAll('-', '').slice(-16)}`
      try {
        await writer.commit(insertion(sessionId, batchId, input, sends))
      } catch (cause) {
        if (!isUniqueViolation(cause)) throw cause
        throw new GatewayError('batch_exists', `Batch ID '${batchId}' already exists`, { cause })
      }
      deps.onNew()
      const lastsMs = (sends.length - 1) * input.options.delayBetweenMessages + sends.length * SEND_MS
      return {
        batchId,
        status: 'pending',
        totalMessages: sends.length,
        estimatedCompletionTime: new Date(now() + lastsMs).toISOString(),
        statusUrl: `/api/sessions/${sessionId}/messages/batch/${batchId}`,
      }
    },
    async 'bulk.cancel'({ sessionId, batchId }) {
      const row = await findBatch(db, sessionId, batchId)
      if (row === null) throw new GatewayError('not_found', `Batch with id '${batchId}' not found`)
      const [stopped] = await writer.commit(stopBatch(row.id, 'cancelled', now()))
      if (stopped !== 1) {
        const status = (await findBatch(db, sessionId, batchId))?.status
        throw new GatewayError('batch_ended', `Batch '${batchId}' is already ${status}`)
      }
      return { batchId, status: 'cancelled', progress: await batchProgress(db, row.id) }
    },
  }
}

/** The first of each that are alike in all they say. */
function distinct(items: readonly BulkItem[]): BulkItem[] {
  const known = new Map<string, BulkItem>()
  for (const item of items) {
    const { chatId, type, content, variables } = item
    const mark = JSON.stringify([chatId, type, content, Object.entries(variables ?? {}).sort()])
    if (!known.has(mark)) known.set(mark, item)
  }
  return [...known.values()]
}

/** What goes to the pipeline for an item, with its values filled in. */
function toSend({ chatId, type, content, variables = {} }: BulkItem, index: number): Send {
  const { text, caption, mentions } = content
  const fill = (written: string) => fillIn(written, variables)
  const parsed = v.safeParse(Send, {
    type,
    input: {
      chatId,
      ...(type === 'text' ? { text: fill(text ?? '') } : content[type]),
      ...(type !== 'text' && caption !== undefined && { caption: fill(caption) }),
      ...(mentions && { mentions }),
    },
  })
  const why = parsed.success ? whyNotKept(parsed.output) : parsed.issues[0].message
  if (parsed.success && why === null) return parsed.output
  throw new GatewayError('invalid_input', 'Validation failed', {
    details: { messages: [`messages.${index}.content: ${why}`] },
  })
}
