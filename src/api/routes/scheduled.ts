// Sends that were asked for with `sendAt`: what is to come and what became of it comes from the database, the engine cancels.
import * as v from 'valibot'
import { GatewayError } from '../../contract/errors.ts'
import { JobId, JobState, ScheduledSend } from '../../contract/job.ts'
import { findScheduled, listScheduled, toScheduledSend } from '../../db/jobs.ts'
import { findSession } from '../../db/sessions.ts'
import { type Route, route } from '../route.ts'
import { clamped, pathId } from '../validate.ts'
import { BySession, noSession } from './sessions.ts'

const noJob = (id: string) => `Scheduled message ${id} not found`
const ByJob = v.object({ ...BySession.entries, jobId: pathId(JobId, noJob) })

export const scheduledRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/sessions/:sid/scheduled',
    summary: 'List scheduled messages: those to come by their time, then those that are over, newest first',
    role: 'viewer',
    params: BySession,
    query: v.object({
      status: v.optional(JobState),
      limit: clamped({ min: 1, max: 1_000, fallback: 100 }),
      offset: clamped({ min: 0, max: Number.MAX_SAFE_INTEGER, fallback: 0 }),
    }),
    status: 200,
    result: v.array(ScheduledSend),
    async handle({ params: { sid }, query: { status, ...page } }, { db }) {
      if ((await findSession(db, sid)) === null) throw new GatewayError('not_found', noSession(sid))
      const rows = await listScheduled(db, { sessionId: sid, state: status, ...page })
      return rows.map(toScheduledSend)
    },
  }),
  route({
    method: 'GET',
    path: '/sessions/:sid/scheduled/:jobId',
    summary: 'Get a scheduled message and what became of it',
    role: 'viewer',
    params: ByJob,
    status: 200,
    result: ScheduledSend,
    async handle({ params: { sid, jobId } }, { db }) {
      const row = await findScheduled(db, sid, jobId)
      if (row === null) throw new GatewayError('not_found', noJob(jobId))
      return toScheduledSend(row)
    },
  }),
  route({
    method: 'DELETE',
    path: '/sessions/:sid/scheduled/:jobId',
    summary: 'Cancel a scheduled message that still waits',
    role: 'operator',
    params: ByJob,
    status: 204,
    result: null,
    handle: ({ params: { sid, jobId } }, { engine }) =>
      engine.call('schedule.cancel', { sessionId: sid, jobId }),
  }),
]
