// Health (REST spec, section 13): for load balancers and people, without a key.
import { sql } from 'drizzle-orm'
import * as v from 'valibot'
import { jsonReply, type Route, route } from '../route.ts'

const open = { method: 'GET', role: 'public', rateLimited: false, status: 200 } as const
const Ok = v.literal('ok')
const Database = v.strictObject({ status: v.picklist(['up', 'down']) })

/** OpenWA has two databases; here both names stand for the one. */
const details = (status: 'up' | 'down') => ({ mainDatabase: { status }, dataDatabase: { status } })

export const healthRoutes: readonly Route[] = [
  route({
    ...open,
    path: '/health',
    summary: 'Say that the API answers, and its version to those with a key',
    optionalKey: true,
    result: v.strictObject({ status: Ok, timestamp: v.string(), version: v.optional(v.string()) }),
    handle: ({ key }, { now, settings }) => ({
      status: 'ok' as const,
      timestamp: new Date(now()).toISOString(),
      ...(key !== null && { version: settings.version }),
    }),
  }),
  route({
    ...open,
    path: '/health/live',
    summary: 'Say that the process lives',
    result: v.strictObject({ status: Ok }),
    handle: () => ({ status: 'ok' as const }),
  }),
  route({
    ...open,
    path: '/health/ready',
    summary: 'Say whether requests can be served: whether the database answers and takes writes',
    result: v.strictObject({
      status: Ok,
      details: v.strictObject({ mainDatabase: Database, dataDatabase: Database }),
    }),
    async handle(_ask, { db, log, canWrite }) {
      const down = jsonReply(503, { status: 'error', details: details('down') })
      try {
        await db.get(sql`select 1`)
      } catch (error) {
        log({ message: 'the database does not answer', error })
        return down
      }
      if (canWrite && !(await canWrite())) return down
      return { status: 'ok' as const, details: details('up') }
    },
  }),
]
