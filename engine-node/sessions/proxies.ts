// The proxies of sessions: kept sealed, shown without their credentials, opened for a connection that begins.
import type { ProxyView } from '../../src/contract/session-setup.ts'
import type { Db, Statement } from '../../src/db/db.ts'
import { deleteProxy, findProxy, setProxy, toProxyView } from '../../src/db/proxies.ts'
import { createProxyRoute, type ProxyRoute } from '../net/proxy-route.ts'
import { readProxy } from '../net/proxy-tunnel.ts'
import type { Sealer } from '../store/sealer.ts'
import type { WriteQueue } from '../store/write-queue.ts'

export interface Proxies {
  /** For the commit that makes the session. */
  first(sessionId: string, url: string | null | undefined): Statement[]
  /** Counts from the next connection on; null takes it away. The URL has been checked. */
  set(sessionId: string, url: string | null): Promise<ProxyView>
  /** Null for a session without one. Rejects with `credentials_unreadable`: going without it is not what was asked for. */
  routeOf(sessionId: string): Promise<ProxyRoute | null>
}

const contextOf = (sessionId: string) => `${sessionId}/proxy`

export function createProxies(deps: { db: Db; queue: Pick<WriteQueue, 'commit'>; sealer: Sealer }): Proxies {
  const { db, queue, sealer } = deps

  function rowOf(sessionId: string, url: string) {
    const { type, host, port, username, password } = readProxy(url)
    return {
      sessionId,
      type,
      host: `${host.includes(':') ? `[${host}]` : host}:${port}`,
      hasCredentials: username !== '' || password !== '',
      urlSealed: sealer.seal(Buffer.from(url), contextOf(sessionId)),
    }
  }

  return {
    first: (sessionId, url) => (url == null ? [] : [setProxy(db, rowOf(sessionId, url))]),
    async set(sessionId, url) {
      if (url === null) {
        await queue.commit([deleteProxy(db, sessionId)])
        return toProxyView(null)
      }
      const row = rowOf(sessionId, url)
      await queue.commit([setProxy(db, row)])
      return toProxyView(row)
    },
    async routeOf(sessionId) {
      const row = await findProxy(db, sessionId)
      if (row === null) return null
      return createProxyRoute(Buffer.from(sealer.open(row.urlSealed, contextOf(sessionId))).toString())
    },
  }
}
