// `net.fetch`: a plugin's requests, to the hosts that its manifest and its configuration name. Whether an address may be
// reached at all is the guard's business (net/guarded-fetch.ts).
import { GatewayError } from '../../../src/contract/errors.ts'
import type { PluginConfig } from '../../../src/contract/frames.ts'
import { type HostRule, type Manifest, parseHostRule } from '../../../src/contract/manifest.ts'
import {
  type FetchAnswer,
  type FetchInit,
  fetchTimeout,
  MAX_ALL_FETCHES,
  MAX_FETCH_BYTES,
  MAX_FETCHES,
  OWN_FETCHES,
} from '../../../src/contract/plugin-fetch.ts'
import type { GuardedFetch } from '../../net/guarded-fetch.ts'
import type { CallOrigin, Verbs } from '../verb.ts'

export type NetRules = NonNullable<Manifest['net']>

export interface NetDeps {
  fetch: GuardedFetch
  /** What the manifest says, and the configuration as the plugin has it. */
  policyOf(pluginId: string): Promise<{ net: NetRules | null; config: PluginConfig }>
}

type NetVerbs = Pick<Verbs, 'net.fetch'>

export function createNetVerbs({ fetch, policyOf }: NetDeps): NetVerbs {
  const inFlight = new Map<string, number>()

  /** A place among those of all, or one of the few that are the plugin's own. Gives the way back; null where there is none. */
  function take(pluginId: string): (() => void) | null {
    const own = inFlight.get(pluginId) ?? 0
    const all = [...inFlight.values()].reduce((sum, count) => sum + count, 0)
    if (all >= (own < OWN_FETCHES ? MAX_ALL_FETCHES : MAX_FETCHES)) return null
    inFlight.set(pluginId, own + 1)
    return () => {
      const left = (inFlight.get(pluginId) ?? 1) - 1
      if (left > 0) inFlight.set(pluginId, left)
      else inFlight.delete(pluginId)
    }
  }

  async function request(url: string, init: FetchInit, { pluginId, signal, assertStillAllowed }: CallOrigin) {
    const place = placeOf(url)
    const { net, config } = await policyOf(pluginId)
    if (place === null || !mayFetch(net, config, place))
      throw denied('host', `Plugin ${pluginId} may not fetch ${url} — ${WAY_OUT}`)
    assertStillAllowed()
    // Counted here, behind all that may wait, so that no two calls see the same place free.
    const giveBack = take(pluginId)
    if (giveBack === null)
      throw denied(
        'fetches',
        `too many concurrent plugin net.fetch calls (max ${MAX_FETCHES}); try again when one is done`,
      )
    try {
      const { method, headers, body, timeoutMs } = init
      return await fetch({
        url,
        method: method ?? 'GET',
        headers: headers ?? {},
        ...(body == null ? {} : { body: typeof body === 'string' ? body : fromBase64(body.base64) }),
        // The judged place and no other: the guard reads the URL again and must come to the same.
        hosts: [`${place.host}:${place.port}`],
        timeoutMs: fetchTimeout(timeoutMs),
        maxBytes: MAX_FETCH_BYTES,
        // A plugin that is stopped sends nothing more, and its places are free for others.
        signal,
      })
    } catch (thrown) {
      if (thrown instanceof GatewayError && thrown.details.maxBytes === MAX_FETCH_BYTES)
        throw new GatewayError(
          'capability_failed',
          `plugin net.fetch response exceeds the ${MAX_FETCH_BYTES}-byte cap`,
          { cause: thrown },
        )
      throw thrown
    } finally {
      giveBack()
    }
  }

  return {
    async 'net.fetch'([url, init], origin): Promise<FetchAnswer> {
      const { status, statusText, headers, body } = await request(url, init ?? {}, origin)
      return {
        ok: status >= 200 && status < 300,
        status,
        statusText,
        headers: { ...headers },
        body: new TextDecoder().decode(body),
      }
    },
  }
}

const WAY_OUT = 'add its host to net.allow or net.allowConfigHosts'

const denied = (refusal: string, message: string) =>
  new GatewayError('capability_denied', message, { details: { refusal } })

const fromBase64 = (text: string) => new Uint8Array(Buffer.from(text, 'base64'))

interface Place {
  host: string
  port: number
}

/** Null for what is no http(s) URL at all. */
function placeOf(text: string): Place | null {
  if (!URL.canParse(text)) return null
  const { protocol, hostname, port } = new URL(text)
  if (protocol !== 'https:' && protocol !== 'http:') return null
  const implied = protocol === 'https:' ? 443 : 80
  return { host: hostname.replace(/\.$/, ''), port: port === '' ? implied : Number(port) }
}

/** OpenWA's rules: a host alone stands for all its ports. What the manifest denies no other entry allows. */
export function mayFetch(net: NetRules | null, config: PluginConfig, place: Place): boolean {
  if (net === null) return false
  const covered = (rules: readonly (HostRule | null)[]) => rules.some(rule => rule && covers(rule, place))
  if (covered((net.deny ?? []).map(parseHostRule))) return false
  return covered((net.allow ?? []).map(parseHostRule)) || covered(configHosts(net, config))
}

function covers(rule: HostRule, { host, port }: Place): boolean {
  if (rule.port !== null && rule.port !== port) return false
  if (rule.host === '*') return true
  if (!rule.host.startsWith('*.')) return rule.host === host
  const label = host.slice(0, -(rule.host.length - 1))
  return host.endsWith(rule.host.slice(1)) && label !== '' && !label.includes('.')
}

/** Hosts that an operator has written into the configuration, in the base or in any session's slice. */
function configHosts({ allowConfigHosts }: NetRules, { base, sessions }: PluginConfig): (HostRule | null)[] {
  return (allowConfigHosts ?? []).flatMap(key =>
    [base, ...Object.values(sessions)].map(config =>
      configHost(Object.hasOwn(config, key) ? config[key] : null),
    ),
  )
}

function configHost(value: unknown): HostRule | null {
  if (typeof value !== 'string' || !URL.canParse(value)) return null
  const { protocol, hostname, port, username, password } = new URL(value)
  if (protocol !== 'https:' || username !== '' || password !== '' || hostname.includes('*')) return null
  // The parser drops a port that is the scheme's own, although it was written and meant.
  const written = port === '' && /^https:\/\/[^/?#]*:443(?:[/?#]|$)/i.test(value) ? '443' : port
  return { host: hostname.replace(/\.$/, ''), port: written === '' ? null : Number(written) }
}
