// Who answers a search: a plugin that offers to, or the gateway from its own rows. Whoever it is, a client sees only rows that
// it may see, as they are stored.
import * as v from 'valibot'
import type { EngineHandlers } from '../../src/contract/engine.ts'
import { GatewayError } from '../../src/contract/errors.ts'
import {
  ProvidedResult,
  type SearchHit,
  type SearchQuery,
  type SearchResult,
} from '../../src/contract/search.ts'
import type { Db } from '../../src/db/db.ts'
import { type FoundRow, findFound, searchMessages, wordsOf } from '../../src/db/search.ts'
import type { Logger } from '../log.ts'
import type { AskSearch } from '../plugins/open-guest.ts'
import { snippetOf } from './snippet.ts'

/** OpenWA's budget for a plugin's answer. */
export const PROVIDER_TIMEOUT_MS = 10_000

export interface SearchDeps {
  db: Db
  /** SEARCH_PROVIDER. */
  provider: string
  /** Whether the plugin runs and has the permission. */
  mayProvide(pluginId: string): boolean
  now(): number
  log: Logger
}

export interface Search {
  readonly handlers: Pick<EngineHandlers, 'search.query'>
  /** Takes a plugin's provider; gives the undo. */
  offer(pluginId: string, ask: AskSearch): () => void
}

type Answer = Pick<SearchResult, 'hits' | 'total' | 'provider'>

export function createSearch({ db, provider, mayProvide, now, log }: SearchDeps): Search {
  const offered = new Map<string, AskSearch>()

  /** Null for the gateway itself. */
  function chosen(): { pluginId: string; ask: AskSearch } | null {
    if (provider === 'none') throw new GatewayError('not_supported', 'Search is switched off')
    if (provider === 'builtin') return null
    const named = provider.startsWith('plugin:') ? provider.slice('plugin:'.length) : null
    for (const [pluginId, ask] of offered)
      if ((named ?? pluginId) === pluginId && mayProvide(pluginId)) return { pluginId, ask }
    if (named === null) return null
    throw new GatewayError('search_unanswered', `Plugin ${named} does not answer searches at this moment`)
  }

  async function askPlugin(pluginId: string, ask: AskSearch, query: SearchQuery): Promise<Answer> {
    const answer = await ask(query, { timeoutMs: PROVIDER_TIMEOUT_MS }).catch((cause: unknown) => {
      const failed = cause instanceof GatewayError && cause.code === 'plugin_failed'
      log.warn({ plugin: pluginId, err: cause }, 'A search provider failed')
      throw new GatewayError(
        failed ? 'search_failed' : 'search_unanswered',
        `Plugin ${pluginId} ${failed ? 'failed at' : 'did not answer'} the search`,
        { cause },
      )
    })
    const parsed = v.safeParse(ProvidedResult, answer)
    if (!parsed.success)
      throw new GatewayError('search_failed', `Plugin ${pluginId} answered the search with something else`)
    const { hits, total } = parsed.output
    const { q, limit, offset: _, ...filter } = query
    const wanted = hits.slice(0, limit)
    const rows = new Map(
      (
        await findFound(
          db,
          wanted.map(({ messageId }) => messageId),
          filter,
        )
      ).map(row => [row.id, row]),
    )
    const words = wordsOf(q)
    const kept = wanted.flatMap(({ messageId, score }) => {
      const row = rows.get(messageId)
      // Once: a hit that comes twice is one message.
      return row && rows.delete(messageId)
        ? [{ ...toHit(row, words), ...(score === undefined ? {} : { score }) }]
        : []
    })
    // Its count may be of messages that this client may not know of.
    const countable = query.sessionIds === undefined && kept.length === hits.length
    return {
      hits: kept,
      total: countable ? Math.max(total ?? 0, kept.length) : kept.length,
      provider: `plugin:${pluginId}`,
    }
  }

  async function builtin(query: SearchQuery): Promise<Answer> {
    const { rows, total } = await searchMessages(db, query)
    const words = wordsOf(query.q)
    return { hits: rows.map(row => toHit(row, words)), total, provider: 'builtin' }
  }

  return {
    handlers: {
      async 'search.query'({ query }) {
        const started = now()
        const plugin = chosen()
        const answer = plugin ? await askPlugin(plugin.pluginId, plugin.ask, query) : await builtin(query)
        return { ...answer, tookMs: now() - started }
      },
    },
    offer(pluginId, ask) {
      if (!mayProvide(pluginId))
        log.warn(
          { plugin: pluginId },
          `Plugin ${pluginId} is missing the 'search:provide' permission: its search provider is never asked`,
        )
      offered.set(pluginId, ask)
      return () => {
        if (offered.get(pluginId) === ask) offered.delete(pluginId)
      }
    },
  }
}

function toHit(row: FoundRow, words: readonly string[]): SearchHit {
  const { id, body, timestamp, createdAt, ...rest } = row
  return {
    ...rest,
    messageId: id,
    body: body ?? '',
    snippet: snippetOf(body ?? '', words),
    timestamp: timestamp ?? Math.floor(createdAt / 1_000),
  }
}
