// The calls that the other side has open: runs the method of each and sends one answer.
import { GatewayError, toGatewayError } from '../../src/contract/errors.ts'
import type { Channel } from './channel.ts'
import { type InboundCall, isInvalidFrame, type PeerMethod, unknownMethod } from './method.ts'

/** Longest error text that a frame may carry. */
const MAX_ERROR_TEXT = 8_192

export interface InboundCallsDeps {
  channel: Channel
  methods: ReadonlyMap<string, PeerMethod>
  violation(what: string): void
  onFault: ((method: string, thrown: unknown) => void) | undefined
}

export interface InboundCalls {
  serve(id: number, method: string, params: unknown): void
  cancel(id: number): void
  abortAll(reason: GatewayError): void
}

export function createInboundCalls({ channel, methods, violation, onFault }: InboundCallsDeps): InboundCalls {
  const open = new Map<number, AbortableCall>()

  function answer(id: number, method: string, value: unknown): void {
    open.delete(id)
    try {
      channel.send({ t: 'result', id, value })
    } catch (thrown) {
      answerError(id, method, thrown)
    }
  }

  function answerError(id: number, method: string, thrown: unknown): void {
    open.delete(id)
    const { code, message } = toGatewayError(thrown)
    if (code === 'internal') onFault?.(method, thrown)
    channel.send({ t: 'error', id, error: { code, message: message.slice(0, MAX_ERROR_TEXT) } })
  }

  return {
    serve(id, method, params) {
      if (open.has(id)) {
        violation('used the id of an open call again')
        return
      }
      const handle = methods.get(method) ?? unknownMethod
      const call = createAbortableCall()
      open.set(id, call)
      try {
        const value = handle(params, call)
        if (isThenable(value))
          value.then(
            result => answer(id, method, result),
            thrown => answerError(id, method, thrown),
          )
        else answer(id, method, value)
      } catch (thrown) {
        if (isInvalidFrame(thrown)) violation(thrown.message)
        answerError(id, method, thrown)
      }
    },
    cancel: id => open.get(id)?.abort(new GatewayError('plugin_stopped', 'The call was withdrawn')),
    abortAll(reason) {
      for (const call of open.values()) call.abort(reason)
      open.clear()
    },
  }
}

/** Not `instanceof`: in the guest, a plugin may have put its own Promise in the place of Node's. */
const isThenable = (value: unknown): value is Promise<unknown> =>
  typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'

type AbortableCall = InboundCall & { abort(reason: GatewayError): void }

/** Most methods never look at the signal, and none is made then: it would be the dearest part of a small call. */
function createAbortableCall(): AbortableCall {
  let controller: AbortController | null = null
  let aborted: GatewayError | null = null
  return {
    get signal() {
      if (controller === null) {
        controller = new AbortController()
        if (aborted !== null) controller.abort(aborted)
      }
      return controller.signal
    },
    abort(reason) {
      aborted ??= reason
      controller?.abort(reason)
    },
  }
}
