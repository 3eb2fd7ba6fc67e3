// Questions about a group that failed, told apart.
import { GatewayError } from '../../src/contract/errors.ts'

/** What WhatsApp answers about a group that does not exist, or that this account is not in. */
const UNSEEN: ReadonlySet<number> = new Set([401, 403, 404])

/** The error for a question about a group that failed with this status, or with none. */
export function groupFailure(groupId: string, status: number | undefined, cause: unknown): GatewayError {
  if (status !== undefined && UNSEEN.has(status))
    return new GatewayError('not_found', `Group ${groupId} not found`, { cause })
  return new GatewayError('whatsapp_unanswered', 'WhatsApp did not answer about the group', { cause })
}
