// Questions to WhatsApp by Baileys, whose failures come in three forms: an error with a status, one without, and no answer.
import * as v from 'valibot'
import { GatewayError } from '../../src/contract/errors.ts'
import type { ClosingNotice } from './disconnect.ts'

/** Baileys' errors carry their code as Boom does. */
export function statusCodeOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('output' in error)) return undefined
  const { output } = error
  if (typeof output !== 'object' || output === null || !('statusCode' in output)) return undefined
  return typeof output.statusCode === 'number' ? output.statusCode : undefined
}

/** What WhatsApp refused a question with; Baileys puts it beside the status, which is 500 then. */
export function refusalOf(error: unknown): number | undefined {
  if (typeof error === 'object' && error !== null && 'data' in error && typeof error.data === 'number')
    return error.data
  return statusCodeOf(error)
}

const Notice = v.object({
  code: v.optional(v.pipe(v.string(), v.regex(/^\d{1,9}$/))),
  expire: v.optional(v.pipe(v.string(), v.regex(/^\d{1,9}$/), v.transform(Number))),
})

/** What WhatsApp said when it refused a login, besides the reason. */
export function noticeOf(error: unknown): ClosingNotice {
  const data = typeof error === 'object' && error !== null && 'data' in error ? error.data : null
  const said = v.safeParse(Notice, data)
  if (!said.success) return {}
  const { code, expire } = said.output
  return { ...(code !== undefined && { ban: code }), ...(expire !== undefined && { seconds: expire }) }
}

/** What WhatsApp answers where it does not let this account do or see something. */
const REFUSED: ReadonlySet<number> = new Set([401, 403, 405, 406])
const MISSING: ReadonlySet<number> = new Set([404, 410])

/**
 * The answer to a question. Rejects with `forbidden` or `not_found` where WhatsApp said so, and with `whatsapp_unanswered`
 * otherwise: whether a change was made is not known then.
 */
export async function answered<T>(what: string, asking: Promise<T>): Promise<T> {
  try {
    return await asking
  } catch (cause) {
    if (cause instanceof GatewayError) throw cause
    const status = refusalOf(cause)
    if (status !== undefined && REFUSED.has(status))
      throw new GatewayError('forbidden', `WhatsApp refused ${what}`, { cause })
    if (status !== undefined && MISSING.has(status))
      throw new GatewayError('not_found', `WhatsApp does not know ${what}`, { cause })
    throw new GatewayError('whatsapp_unanswered', `WhatsApp did not answer about ${what}`, { cause })
  }
}

/** What Baileys would say of a connection that it has lost, for one that we have lost. */
export const lostConnection = (): Error =>
  Object.assign(new Error('The connection was lost'), { output: { statusCode: 408 } })
