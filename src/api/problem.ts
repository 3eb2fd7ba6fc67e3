// The one place where a failure becomes an HTTP answer: {statusCode, message, error, code?}, as OpenWA writes them.
import { type ErrorCode, errors, GatewayError, toGatewayError } from '../contract/errors.ts'

export interface Problem {
  status: number
  headers: Record<string, string>
  body: Record<string, unknown>
  /** The thrown value, where it has no name and belongs in a log. */
  unexpected: unknown
}

/** OpenWA gives these no code: the status says it all. */
const withoutCode: ReadonlySet<ErrorCode> = new Set([
  'invalid_input',
  'unauthorized',
  'forbidden',
  'not_found',
  'body_too_large',
  'unsupported_media_type',
  'rate_limited',
  'internal',
])

/** A driver may wrap the error of ours that it met on its way. */
function named(thrown: unknown): GatewayError {
  for (let error: unknown = thrown; error instanceof Error; error = error.cause)
    if (error instanceof GatewayError) return error
  return toGatewayError(thrown)
}

/** `validationDetails: false` hides what was wrong with a request, as OpenWA does in production. */
export function toProblem(thrown: unknown, options: { validationDetails: boolean }): Problem {
  const error = named(thrown)
  const row: { status: number; error: string; retryAfterSeconds?: number } = errors[error.code]
  const unexpected = error.code === 'internal' ? (error.cause ?? error) : undefined
  const { messages, retryAfterSeconds = row.retryAfterSeconds } = error.details
  const headers: Record<string, string> = {}
  if (typeof retryAfterSeconds === 'number') headers['retry-after'] = String(Math.ceil(retryAfterSeconds))
  if (messages !== undefined && !options.validationDetails)
    return { status: 400, headers, body: { statusCode: 400, message: 'Bad Request' }, unexpected }
  const body: Record<string, unknown> = {
    statusCode: row.status,
    // An internal error may have been named elsewhere, with a text that was meant for a log.
    message: error.code === 'internal' ? 'Internal server error' : (messages ?? error.message),
    error: row.error,
  }
  if (!withoutCode.has(error.code)) body.code = error.code.toUpperCase()
  if (error.certain !== undefined) body.certain = error.certain
  return { status: row.status, headers, body, unexpected }
}
