// How a call of the engine port travels over HTTP: the path, the envelope of an answer, and errors by their code.
import * as v from 'valibot'
import { type ErrorDetails, errors, GatewayError, isErrorCode, toGatewayError } from '../contract/errors.ts'

/** Largest call: a file in base64, as large as the API takes a request (REST spec 0.2), and its wrapping. */
export const MAX_CALL_BYTES = 32 * 1024 * 1024

export const CALL_PATH = '/engine/v1/'

/** Methods after which the caller must know whether anything went out. */
export const isSend = (method: string): boolean => method.startsWith('message.')

const Details = v.record(v.string(), v.unknown())

/** The body of an answer that is not 200. */
export const Failure = v.strictObject({
  error: v.strictObject({
    code: v.string(),
    message: v.string(),
    details: v.optional(Details),
    certain: v.optional(v.boolean()),
  }),
})

/** The body of a 200. */
export const Success = v.strictObject({ result: v.unknown() })

/** An error as it crosses: never its cause or its stack. */
export function toFailure(thrown: unknown): { status: number; body: v.InferOutput<typeof Failure> } {
  const { code, message, details, certain } = toGatewayError(thrown)
  return {
    status: errors[code].status,
    body: { error: { code, message, details: { ...details }, ...(certain !== undefined && { certain }) } },
  }
}

/** The error that the other side threw; null for a body that no engine writes. */
export function fromFailure(body: unknown): GatewayError | null {
  const parsed = v.safeParse(Failure, body)
  if (!parsed.success || !isErrorCode(parsed.output.error.code)) return null
  const { code, message, details = {}, certain } = parsed.output.error
  const options: { details: ErrorDetails; certain?: boolean } = { details }
  if (certain !== undefined) options.certain = certain
  return new GatewayError(code, message, options)
}
