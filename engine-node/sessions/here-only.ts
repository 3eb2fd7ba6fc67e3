// Calls for a session that another engine runs are refused with the name of that engine: only there are its socket, and
// what is kept in memory of it.
import type { EngineHandlers } from '../../src/contract/engine.ts'
import { GatewayError } from '../../src/contract/errors.ts'
import type { Leases } from './leases.ts'

type Call = (params: object) => Promise<unknown>

/** The same handlers, in front of which every call that names a session is asked about. */
export function hereOnly(handlers: EngineHandlers, leases: Pick<Leases, 'holderOf'>): EngineHandlers {
  const guarded = Object.entries(handlers).map(([name, handler]) => {
    const call: Call = async params => {
      const sessionId = 'sessionId' in params ? params.sessionId : null
      const holder = typeof sessionId === 'string' ? await leases.holderOf(sessionId) : null
      if (holder !== null) throw elsewhere(holder)
      return await (handler as Call)(params)
    }
    return [name, call]
  })
  return Object.fromEntries(guarded)
}

/** What a call is answered for a session that another engine runs. Nothing was done. */
export const elsewhere = (engine: string) =>
  new GatewayError('session_elsewhere', `The engine ${engine} runs this session. Ask that one`, {
    details: { engine },
    certain: true,
  })
