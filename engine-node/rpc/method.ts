// What a side of a peer answers to: a method for calls, an event for news, each behind the schema of its params.
import * as v from 'valibot'
import { GatewayError } from '../../src/contract/errors.ts'

/** One call that the other side made, as its method sees it. */
export interface InboundCall {
  /** Aborts when the caller withdraws the call or its channel closes. */
  readonly signal: AbortSignal
}

/** Answers one method. What it throws crosses as code and message; only a GatewayError crosses with its own text. */
export type PeerMethod = (params: unknown, call: InboundCall) => unknown
export type PeerEvent = (params: unknown) => void

/** A method or event whose params must fit a schema; what does not is refused with `frame_invalid` and counted. */
export function parsed<S extends v.GenericSchema, R>(
  schema: S,
  handle: (params: v.InferOutput<S>, call: InboundCall) => R,
): (params: unknown, call: InboundCall) => R {
  return (params, call) => handle(read(schema, params), call)
}

/** The same for an event, which has no call behind it. */
export function parsedEvent<S extends v.GenericSchema>(
  schema: S,
  handle: (params: v.InferOutput<S>) => void,
): PeerEvent {
  return params => handle(read(schema, params))
}

function read<S extends v.GenericSchema>(schema: S, params: unknown): v.InferOutput<S> {
  const { success, output, issues } = v.safeParse(schema, params)
  if (success) return output
  throw new GatewayError('frame_invalid', `Invalid params: ${v.summarize(issues).slice(0, 500)}`)
}

/** True for what `parsed` threw, which is the other side's fault. */
export const isInvalidFrame = (thrown: unknown): thrown is GatewayError =>
  thrown instanceof GatewayError && thrown.code === 'frame_invalid'

/** Stands in for every name that is not in the table. */
export const unknownMethod = (): never => {
  throw new GatewayError('frame_invalid', 'There is no method or event of this name')
}
