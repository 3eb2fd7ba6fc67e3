// Bulk sends (REST spec, rows 33, 54 and 55).
import * as v from 'valibot'
import { BatchCancelled, BatchId, BatchView, BulkAccepted, SendBulk } from '../../contract/bulk.ts'
import { GatewayError } from '../../contract/errors.ts'
import { findBatch, viewBatch } from '../../db/batches.ts'
import { type Route, route } from '../route.ts'
import { pathId } from '../validate.ts'
import { BySession } from './sessions.ts'

const noBatch = (id: string) => `Batch with id '${id}' not found`
const ByBatch = v.object({ ...BySession.entries, batchId: pathId(BatchId, noBatch) })

export const bulkRoutes: readonly Route[] = [
  route({
    method: 'POST',
    path: '/sessions/:sid/messages/send-bulk',
    summary: 'Send up to 100 messages one by one; identical ones are sent once',
    role: 'operator',
    params: BySession,
    body: SendBulk,
    chats: ({ body }) => body.messages.map(({ chatId }) => chatId),
    status: 202,
    result: BulkAccepted,
    handle: ({ params: { sid }, body }, { engine }) =>
      engine.call('bulk.create', { sessionId: sid, input: body }),
  }),
  route({
    method: 'GET',
    path: '/sessions/:sid/messages/batch/:batchId',
    summary: 'See how far a bulk send is',
    role: 'viewer',
    params: ByBatch,
    status: 200,
    result: BatchView,
    async handle({ params: { sid, batchId } }, { db }) {
      const row = await findBatch(db, sid, batchId)
      if (row === null) throw new GatewayError('not_found', noBatch(batchId))
      return await viewBatch(db, row)
    },
  }),
  route({
    method: 'POST',
    path: '/sessions/:sid/messages/batch/:batchId/cancel',
    summary: 'Cancel a bulk send: what is not on its way yet is not sent',
    role: 'operator',
    params: ByBatch,
    status: 200,
    result: BatchCancelled,
    handle: ({ params: { sid, batchId } }, { engine }) =>
      engine.call('bulk.cancel', { sessionId: sid, batchId }),
  }),
]
