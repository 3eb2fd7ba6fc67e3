import { DrizzleQueryError } from 'drizzle-orm/errors'
import { expect, it } from 'vitest'
import { GatewayError } from '../src/contract/errors.ts'
import { findApiKeyByHash } from '../src/db/api-keys.ts'
import { openFile } from '../test/support/api-database.ts'
import { createLog } from './log.ts'

function open() {
  const lines: string[] = []
  const log = createLog('info', { write: line => void lines.push(line) })
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? '{}') }
}
const failed = () =>
  new DrizzleQueryError(
    'select * from messages where body = ?',
    ['my-secret-words'],
    new Error('no such table'),
  )

it('tells of an error by name, text, stack, fields and causes', () => {
  const { log, last } = open()
  const cause = Object.assign(new TypeError('deeper'), { code: 'ECONNRESET' })
  log.error({ err: new GatewayError('internal', 'outer', { details: { a: 1 }, cause }) }, 'it failed')
  expect(last()).toMatchObject({
    msg: 'it failed',
    err: {
      type: 'GatewayError',
      code: 'internal',
      message: 'outer',
      details: { a: 1 },
      stack: expect.stringContaining('log.test.ts'),
      cause: { type: 'TypeError', message: 'deeper', code: 'ECONNRESET', stack: expect.any(String) },
    },
  })
})

it.each<[string, () => unknown]>([
  ['a failed query', failed],
  ['one without a cause', () => new DrizzleQueryError('select ?', ['my-secret-words'])],
  ['one that another error is about', () => new GatewayError('internal', 'outer', { cause: failed() })],
  ['one about another', () => new DrizzleQueryError('select ?', ['my-secret-words'], failed())],
  ['several', () => new AggregateError([failed(), failed()], 'both failed')],
])('never tells the values of %s', (_name, make) => {
  const { log, lines } = open()
  log.error({ err: make() }, 'it failed')
  log.error(make(), 'it failed')
  expect(lines).toHaveLength(2)
  for (const line of lines) expect(line).not.toMatch(/my-secret-words|select /)
})

it('tells why a query failed', async () => {
  const { log, lines, last } = open()
  await using database = await openFile()
  await database.db.run('drop table api_keys')
  await findApiKeyByHash(database.db, 'hash-of-a-key').catch(err => log.error({ err }, 'it failed'))
  expect(last().err).toMatchObject({ type: 'LibsqlError', message: expect.stringContaining('no such table') })
  expect(lines[0]).not.toContain('hash-of-a-key')
})

it('survives an error that is its own cause, and what is no error', () => {
  const { log, last } = open()
  const ring: Error & { cause?: unknown } = new Error('ring')
  ring.cause = ring
  log.error({ err: ring }, 'it failed')
  expect(last().err.message).toBe('ring')
  log.error({ err: 'a text' }, 'it failed')
  expect(last().err).toBe('a text')
})
