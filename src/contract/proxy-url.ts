// The address of a session's proxy, as a client gives it.
import * as v from 'valibot'

export const proxyTypes = ['http', 'https', 'socks4', 'socks5'] as const
export type ProxyType = (typeof proxyTypes)[number]

const MAX_PROXY_URL = 255

export const ProxyUrl = v.pipe(
  v.string('must be a string or null'),
  v.maxLength(MAX_PROXY_URL, `must be at most ${MAX_PROXY_URL} characters`),
  v.check(text => {
    if (!URL.canParse(text)) return false
    const { protocol, hostname, pathname, search, hash } = new URL(text)
    const isKnown = proxyTypes.some(type => protocol === `${type}:`)
    return isKnown && hostname !== '' && (pathname === '' || pathname === '/') && search === '' && hash === ''
  }, 'must be an http, https, socks4 or socks5 URL of a host and a port'),
)
