// Judges a URL when it is saved, by the rules that a request to it will meet; the request is judged again, each time.
import { judgeAddress, parseAddress } from './address.ts'
import type { Resolve } from './dial.ts'
import { createExceptions } from './host-rules.ts'
import { blocked, judgeUrl } from './target.ts'

/** Rejects with `invalid_input` or `address_blocked` for a URL that no request would be made to. */
export type UrlCheck = (url: string) => Promise<void>

/** A name that has no address today may have one tomorrow, so a failed look-up refuses nothing. */
export function createUrlCheck(deps: { resolve: Resolve; allowedHosts: readonly string[] }): UrlCheck {
  const exceptions = createExceptions(deps.allowedHosts)
  return async text => {
    const target = judgeUrl(text, { hosts: 'any-public', httpsOnly: false }, exceptions)
    if (target.excepted) return
    const answers = target.literal
      ? [target.host.replace(/^\[|\]$/g, '')]
      : await deps.resolve(target.host).catch(() => [])
    for (const answer of answers) {
      const address = parseAddress(answer)
      const verdict = address === null ? null : judgeAddress(address)
      if (verdict && !verdict.public)
        throw blocked(target, `does not lead to the public internet (${verdict.why})`)
    }
  }
}
