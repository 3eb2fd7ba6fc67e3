// A request held against its row: path, query and body parsed by the row's schemas, faults told as OpenWA tells them.
import type { Context } from 'hono'
import * as v from 'valibot'
import { GatewayError } from '../contract/errors.ts'
import { type BodyBounds, readJson, readUpload } from './body.ts'
import { takeSendAt, WithSendAt } from './later.ts'
import type { Ask, Route } from './route.ts'

/** Faults that are listed in one answer, and how long each may be: names of unknown properties come from outside. */
const MAX_FAULTS = 20
const MAX_FAULT_LENGTH = 200

const noFile = new Uint8Array()

/** An id in a path. What cannot be the id of anything names nothing: 404, with OpenWA's text. */
export function pathId<T>(schema: v.GenericSchema<string, T>, text: (id: string) => string) {
  return v.pipe(
    v.string(),
    v.rawTransform<string, T>(({ dataset, addIssue, NEVER }) => {
      const parsed = v.safeParse(schema, dataset.value)
      if (parsed.success) return parsed.output
      addIssue({ message: text(dataset.value.slice(0, 64)) })
      return NEVER
    }),
  )
}

/** A number in a query that is never refused: what is out of range or no number becomes the nearest sensible one. */
export function clamped(range: { min: number; max: number; fallback: number }) {
  return v.optional(
    v.pipe(
      v.unknown(),
      v.transform(text => {
        if (typeof text !== 'string' || !/^-?\d{1,15}$/.test(text)) return range.fallback
        return Math.min(range.max, Math.max(range.min, Number(text)))
      }),
    ),
    // Something to transform where the query says nothing.
    '',
  )
}

/** A switch in a query that is never refused: OpenWA's `false` and `0`, `true` and `1`; anything else is as if it were not said. */
export function flagged(fallback: boolean) {
  return v.optional(
    v.pipe(
      v.unknown(),
      v.transform(text =>
        text === 'true' || text === '1' ? true : text === 'false' || text === '0' ? false : fallback,
      ),
    ),
    '',
  )
}

/** Reads and checks everything that the row asks for; what it does not ask for is not read. */
export async function parseRequest(
  c: Context,
  route: Route,
  rawParams: Record<string, string>,
  bounds: BodyBounds,
): Promise<Omit<Ask, 'key' | 'headers'>> {
  const params = route.params === undefined ? undefined : parseParams(route.params, rawParams)
  const query = route.query === undefined ? undefined : check(route.query, queryOf(c, route.query))
  const given = route.body && (await readJson(c.req.raw, bounds))
  const { body: message, sendAt } = route.later ? takeSendAt(given) : { body: given }
  const body = route.body && check(route.body, message)
  const file =
    route.upload === undefined ? noFile : await readUpload(c.req.raw, { ...route.upload, ...bounds })
  const times =
    sendAt === undefined ? {} : (check(WithSendAt, { sendAt }) as v.InferOutput<typeof WithSendAt>)
  return { params, query, body, file, ...times }
}

/** U+0000 means the end of a text to some of the code behind us, and nothing to the rest. */
export function refuseNul(url: string): void {
  if (url.includes('%00'))
    throw new GatewayError('invalid_input', 'Validation failed', {
      details: { messages: ['URL must not contain NUL'] },
    })
}

function parseParams(schema: v.GenericSchema, params: Record<string, string>): unknown {
  const parsed = v.safeParse(schema, params)
  if (parsed.success) return parsed.output
  throw new GatewayError('not_found', parsed.issues[0].message)
}

/** Only the names that the row knows. A name that comes twice is a list, and no schema of ours takes one. */
function queryOf(c: Context, schema: { entries: v.ObjectEntries }): Record<string, unknown> {
  const given: Record<string, unknown> = {}
  for (const name of Object.keys(schema.entries)) {
    const values = c.req.queries(name)
    if (values !== undefined) given[name] = values.length === 1 ? values[0] : values
  }
  return given
}

function check(schema: v.GenericSchema, value: unknown): unknown {
  const parsed = v.safeParse(schema, value)
  if (parsed.success) return parsed.output
  const messages = parsed.issues.slice(0, MAX_FAULTS).map(issue => describe(issue).slice(0, MAX_FAULT_LENGTH))
  throw new GatewayError('invalid_input', 'Validation failed', { details: { messages } })
}

function describe(issue: v.BaseIssue<unknown>): string {
  const path = v.getDotPath(issue)
  if (issue.type === 'strict_object' && issue.expected === 'never') return `property ${path} should not exist`
  if (path === null) return `body ${issue.message}`
  if (issue.received === 'undefined') return `${path} is required`
  return issue.message.startsWith('Invalid ') ? `${path}: ${issue.message}` : `${path} ${issue.message}`
}
