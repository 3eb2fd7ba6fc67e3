// Questions to WhatsApp by Baileys, whose failures come in three forms: an error with a status, one without, and no answer.
import { GatewayError } from '../../src/contract/errors.ts'

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
