// How a session fetches files: through its proxy where it has one, so that nothing it moves shows another address than its socket.
import { type Dial, type Resolve, resolveHost } from '../net/dial.ts'
import type { GuardedFetch } from '../net/guarded-fetch.ts'
import type { ProxyRoute } from '../net/proxy-route.ts'

export interface SessionFetch {
  /** From WhatsApp's own hosts, whose names the proxy looks up. */
  media(sessionId: string): Promise<GuardedFetch>
  /** From where a client says. Its name is looked up and judged here: the proxy may stand in somebody's network. */
  anywhere(sessionId: string): Promise<GuardedFetch>
}

/** Both reject as `routeOf` does: going without the proxy is not what was asked for. */
export function createSessionFetch(deps: {
  /** For sessions without a proxy. */
  fetch: GuardedFetch
  routeOf(sessionId: string): Promise<Pick<ProxyRoute, 'dial'> | null>
  /** A guarded fetch by another way out. */
  through(way: { resolve: Resolve | null; dial: Dial }): GuardedFetch
}): SessionFetch {
  const { fetch, routeOf, through } = deps
  const by = (resolve: Resolve | null) => async (sessionId: string) => {
    const route = await routeOf(sessionId)
    return route === null ? fetch : through({ resolve, dial: route.dial })
  }
  return { media: by(null), anywhere: by(resolveHost) }
}
