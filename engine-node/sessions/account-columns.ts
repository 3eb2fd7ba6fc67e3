// What a session's row says of the account that it is linked to.
import type { SessionRow } from '../../src/db/sessions.ts'
import { userOf } from './jid.ts'
import type { Identity } from './link-port.ts'

/** A push name that is not known yet leaves the one from before. */
export const accountColumns = ({ phoneId, lidId, pushName }: Identity, before: SessionRow) => ({
  phone: phoneId && userOf(phoneId),
  lid: lidId && userOf(lidId),
  pushName: pushName ?? before.pushName,
})
