import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/contract/errors.ts'
import type { SearchQuery } from '../../src/contract/search.ts'
import { insertMessage } from '../../src/db/message-writes.ts'
import type { NewMessageRow } from '../../src/db/messages.ts'
import { insertSession } from '../../src/db/sessions.ts'
import { openFile, type TestDatabase } from '../../test/support/api-database.ts'
import { createSearch } from './search.ts'
import { snippetOf } from './snippet.ts'

const [S1, S2] = ['5e551011-0000-4000-8000-000000000001', '5e551011-0000-4000-8000-000000000002']
let database: TestDatabase

beforeEach(async () => {
  database = await openFile()
  const { db, writer } = database
  const session = { status: 'ready', config: null, createdAt: 0, updatedAt: 0 } as const
  const row = (id: string, body: string | null, more: Partial<NewMessageRow> = {}) =>
    insertMessage({
      id,
      sessionId: S1,
      waMessageId: `W-${id}`,
      chatId: '1@c.us',
      senderId: '1@c.us',
      from: '1@c.us',
      to: '9@c.us',
      body,
      type: 'text',
      direction: 'incoming',
      timestamp: 1_000,
      status: 'delivered',
      createdAt: 1_000_000,
      ...more,
    })
  await writer.commit([
    insertSession(db, { id: S1, name: 'one', ...session }),
    insertSession(db, { id: S2, name: 'two', ...session }),
    row('a', 'The quick brown fox'),
    row('b', 'a QUICK answer', { direction: 'outgoing', chatId: '2@c.us', timestamp: 2_000 }),
    row('c', '100% quick_fix', { type: 'image' }),
    row('d', null),
    row('e', 'quick, in the other session', { sessionId: S2 }),
  ])
})
afterEach(() => database[Symbol.asyncDispose]())

function open(provider = 'auto', may = true) {
  const log = pino({ level: 'silent' })
  const search = createSearch({ db: database.db, provider, mayProvide: () => may, now: () => 5, log })
  const find = (query: Partial<SearchQuery> = {}) =>
    search.handlers['search.query']({ query: { q: 'quick', limit: 50, offset: 0, ...query } })
  const ids = async (query: Partial<SearchQuery> = {}) =>
    (await find(query)).hits.map(({ messageId }) => messageId)
  return { search, find, ids }
}

describe('the gateway’s own search', () => {
  it('finds every word, newest first, whatever its case', async () => {
    const { find, ids } = open()
    expect(await ids()).toEqual(['e', 'c', 'b', 'a'])
    expect(await ids({ q: 'fox quick' })).toEqual(['a'])
    expect(await find({ q: 'brown' })).toEqual({
      hits: [
        {
          messageId: 'a',
          waMessageId: 'W-a',
          sessionId: S1,
          chatId: '1@c.us',
          body: 'The quick brown fox',
          snippet: 'The quick <mark>brown</mark> fox',
          timestamp: 1_000,
          type: 'text',
          direction: 'incoming',
          from: '1@c.us',
        },
      ],
      total: 1,
      tookMs: 0,
      provider: 'builtin',
    })
  })

  const filters: [Partial<SearchQuery>, string[]][] = [
    [{ sessionIds: [S1] }, ['c', 'b', 'a']],
    [{ sessionIds: [] }, []],
    [{ sessionIds: [S1], sessionId: S2 }, []],
    [{ sessionId: S2 }, ['e']],
    [{ chatId: '2@c.us' }, ['b']],
    [{ direction: 'outgoing' }, ['b']],
    [{ type: 'image' }, ['c']],
    [{ from: '1@c.us', dateFrom: 2_000_000 }, ['b']],
    [{ dateTo: 2_000_000 }, ['e', 'c', 'a']],
    [{ limit: 1, offset: 1 }, ['c']],
    [{ q: '100%' }, ['c']],
    [{ q: 'k_f' }, ['c']],
    [{ q: '%' }, ['c']],
    [{ q: "'; drop table messages; --" }, []],
  ]
  it.each(filters)('with %j finds %j', async (query, found) => expect(await open().ids(query)).toEqual(found))
})

describe('a plugin that searches', () => {
  const hits = [{ messageId: 'e', score: 2 }, { messageId: 'a' }, { messageId: 'a' }, { messageId: 'gone' }]

  it('is asked before the gateway; of its hits the gateway’s own rows are shown, each once', async () => {
    const { search, find } = open()
    const off = search.offer('p', async () => ({ hits, total: 7 }))
    const found = await find()
    expect(found).toMatchObject({ provider: 'plugin:p', total: 2 })
    expect(found.hits.map(({ messageId, score }) => [messageId, score])).toEqual([
      ['e', 2],
      ['a', undefined],
    ])
    off()
    expect((await find()).provider).toBe('builtin')
  })

  it('cannot show what the client may not see', async () => {
    const { search, ids, find } = open()
    search.offer('p', async () => ({ hits, total: 7 }))
    expect(await ids({ sessionIds: [S1] })).toEqual(['a'])
    expect(await find({ sessionIds: [S1] })).toMatchObject({ total: 1 })
    expect(await ids({ direction: 'outgoing' })).toEqual([])
  })

  const bad: [string, () => Promise<unknown>, string][] = [
    ['throws', () => Promise.reject(new GatewayError('plugin_failed', 'x')), 'search_failed'],
    ['answers nonsense', async () => 'nothing', 'search_failed'],
    ['answers a hit without an id', async () => ({ hits: [{}] }), 'search_failed'],
    [
      'answers more than was asked for',
      async () => ({ hits: Array.from({ length: 101 }, () => ({ messageId: 'a' })) }),
      'search_failed',
    ],
    ['is silent', () => Promise.reject(new GatewayError('plugin_timeout', 'x')), 'search_unanswered'],
    ['is gone', () => Promise.reject(new GatewayError('plugin_crashed', 'x')), 'search_unanswered'],
  ]
  it.each(bad)('that %s fails the search', async (_, ask, code) => {
    const { search, find } = open()
    search.offer('p', ask)
    await expect(find()).rejects.toMatchObject({ code })
  })

  it('is chosen by the setting', async () => {
    const provide = (open: { search: ReturnType<typeof createSearch> }, id: string) =>
      open.search.offer(id, async () => ({ hits: [] }))
    const builtin = open('builtin')
    provide(builtin, 'p')
    expect((await builtin.find()).provider).toBe('builtin')
    const named = open('plugin:q')
    provide(named, 'p')
    await expect(named.find()).rejects.toMatchObject({ code: 'search_unanswered' })
    provide(named, 'q')
    expect((await named.find()).provider).toBe('plugin:q')
    await expect(open('none').find()).rejects.toMatchObject({ code: 'not_supported' })
    const forbidden = open('auto', false)
    provide(forbidden, 'p')
    expect((await forbidden.find()).provider).toBe('builtin')
  })
})

describe('a snippet', () => {
  it.each([
    ['<b>quick</b> & co', ['quick'], '&lt;b&gt;<mark>quick</mark>&lt;/b&gt; &amp; co'],
    ['a.b axb', ['a.b'], '<mark>a.b</mark> axb'],
    ['nothing', ['x'], 'nothing'],
    ['<i>', [], '&lt;i&gt;'],
  ])('of %j for %j is %j', (body, words, html) => expect(snippetOf(body, words)).toBe(html))

  it('is the part around the match', () => {
    const html = snippetOf(`${'x'.repeat(100)}needle${'y'.repeat(300)}`, ['needle'])
    expect(html).toBe(`…${'x'.repeat(40)}<mark>needle</mark>${'y'.repeat(114)}…`)
  })
})
