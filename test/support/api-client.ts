// A client of the API for tests. Every answer is held against the route table and against the shape of errors, whatever the
// test is about.
import * as v from 'valibot'
import { Later } from '../../src/api/later.ts'
import type { Route } from '../../src/api/route.ts'
import { routes } from '../../src/api/routes.ts'

export interface Answer {
  status: number
  headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: a test reads what it expects, and fails where it is not there.
  body: any
}

export interface Asked {
  key?: string | null
  body?: unknown
  headers?: Record<string, string>
}

const Problem = v.strictObject({
  statusCode: v.number(),
  message: v.union([v.pipe(v.string(), v.nonEmpty()), v.pipe(v.array(v.string()), v.nonEmpty())]),
  error: v.optional(v.string()),
  code: v.optional(v.pipe(v.string(), v.regex(/^[A-Z_]+$/))),
  certain: v.optional(v.boolean()),
  /** What is left of the event log, for a cursor that it cannot go on from. */
  oldest: v.optional(v.number()),
  newest: v.optional(v.number()),
})

/** The row that a request goes to. */
export function rowOf(method: string, path: string): Route | undefined {
  const [bare = ''] = path.split('?')
  return routes.find(
    route => route.method === method && new RegExp(`^${route.path.replaceAll(/:\w+/g, '[^/]+')}$`).test(bare),
  )
}

/** Sends a request below `/api`. A body that is text or bytes is sent as it is, anything else as JSON. */
export async function ask(
  api: { baseUrl: string; adminKey: string; frontHeaders?: Record<string, string> },
  method: string,
  path: string,
  { key = api.adminKey, body, headers = {} }: Asked = {},
): Promise<Answer> {
  const raw = typeof body === 'string' || body instanceof Uint8Array || body instanceof FormData
  const response = await fetch(`${api.baseUrl}/api${path}`, {
    method,
    headers: {
      // A kept connection may be closed by the server in the moment that it is used again; that would be fetch's fault, not an answer.
      connection: 'close',
      ...(key !== null && { 'x-api-key': key }),
      ...(!(body instanceof FormData) && { 'content-type': 'application/json' }),
      ...headers,
      ...api.frontHeaders,
    },
    ...(body !== undefined && { body: (raw ? body : JSON.stringify(body)) as string }),
    redirect: 'manual',
  })
  const type = response.headers.get('content-type')
  // A stream has no end to wait for; its own tests read it.
  const isStream = type?.startsWith('text/event-stream')
  if (isStream) await response.body?.cancel()
  const text = isStream ? '' : await response.text()
  const isJson = type?.startsWith('application/json')
  const answer = {
    status: response.status,
    headers: response.headers,
    body: isJson ? JSON.parse(text) : text,
  }
  checkShape(method, path, answer)
  return answer
}

function checkShape(method: string, path: string, { status, body, headers }: Answer): void {
  const said = `${method} ${path}: ${status} ${JSON.stringify(body)}`
  if (
    headers.get('x-content-type-options') !== 'nosniff' ||
    headers.get('x-frame-options') !== 'DENY' ||
    !headers.get('cache-control')?.includes('no-store')
  )
    throw new Error(`an answer without the fixed headers: ${said}`)
  const row = rowOf(method, path)
  if (status >= 400) {
    if (status === 503 && row?.path === '/health/ready') return
    const parsed = v.safeParse(Problem, body)
    if (!parsed.success || parsed.output.statusCode !== status)
      throw new Error(`an error of another shape: ${said}`)
  } else if (row !== undefined) {
    if (status === 202 && row.later !== undefined && v.is(Later, body)) return
    if (status !== row.status) throw new Error(`a success of another status than ${row.status}: ${said}`)
    if (row.result === null ? body !== '' : !v.is(row.result, body))
      throw new Error(`an answer that its row does not know: ${said}`)
  }
}
