// The engine port over HTTP, for an API that runs elsewhere. One try per call: a call that got no answer may have been done.
import * as v from 'valibot'
import { CALL_TIMEOUT_MS, SEND_TIMEOUT_MS } from '../contract/capabilities.ts'
import { type Engine, type EngineMethod, type EngineResult, engineMethods } from '../contract/engine.ts'
import { GatewayError } from '../contract/errors.ts'
import { CALL_PATH, fromFailure, isSend, Success } from './wire.ts'

/** Waits longer than the rest: a send for typing and pacing, an installation for a download and the start of a plugin. */
const slow: ReadonlySet<EngineMethod> = new Set<EngineMethod>([
  'plugin.install',
  'plugin.installUrl',
  'plugin.enable',
])

/** `deadline` gives a signal that aborts after that time. */
export function createHttpEngine(deps: {
  url: string
  token: string
  fetch: typeof fetch
  deadline(ms: number): AbortSignal
}): Engine {
  const base = deps.url.replace(/\/+$/, '')

  /** Nobody was there, or nobody who answers as an engine does. A send may have gone out all the same. */
  const away = (method: EngineMethod, cause?: unknown) =>
    new GatewayError('engine_unavailable', 'The engine does not answer', {
      ...(isSend(method) && { certain: false }),
      cause,
    })

  async function ask(method: EngineMethod, params: unknown): Promise<{ ok: boolean; body: unknown }> {
    try {
      const response = await deps.fetch(`${base}${CALL_PATH}${method}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${deps.token}`, 'content-type': 'application/json' },
        body: JSON.stringify(params),
        redirect: 'manual',
        signal: deps.deadline(slow.has(method) || isSend(method) ? SEND_TIMEOUT_MS : CALL_TIMEOUT_MS),
      })
      return { ok: response.status === 200, body: await response.json() }
    } catch (cause) {
      throw away(method, cause)
    }
  }

  return {
    async call<M extends EngineMethod>(method: M, params: unknown): Promise<EngineResult<M>> {
      const { ok, body } = await ask(method, params)
      if (!ok) throw fromFailure(body) ?? away(method, body)
      const success = v.safeParse(Success, body)
      const result = success.success
        ? v.safeParse(engineMethods[method].result, success.output.result)
        : success
      if (!result.success) throw away(method, result.issues)
      return result.output as EngineResult<M>
    },
  }
}
