// Commits to a server whose answer may get lost on the way. Each carries a mark in its transaction; without an answer the mark
// tells whether it was made, and is then taken away, so that a commit that is still on its way can never be made later.
import type { Statement } from '../../src/db/db.ts'
import type { WriteTarget } from './write-queue.ts'

/** What is needed of a libsql client. */
export interface MarkClient {
  batch(
    statements: Statement[],
    mode: 'write',
  ): Promise<{ rowsAffected: number; rows: ArrayLike<unknown>[] }[]>
}

/** How often a server is asked again, and how long after the first time, doubled each time: some eight seconds, then callers hear 503. */
const TRIES = 5
const FIRST_DELAY_MS = 500

/** Marks of engines that died are swept at a start after this long. */
const MARK_AGE_MS = 30 * 24 * 60 * 60_000

/** The commit was made, and what it has changed is not known: whoever waits for it has to read again. */
const unanswered = (cause: unknown) => new Error('a commit was made, but its answer was lost', { cause })

/** A server that answers with SQLite's code has rolled back; all else came from somewhere between. */
const isAnswer = (error: unknown) =>
  error instanceof Error && 'code' in error && /^SQLITE_/.test(String(error.code))

const isWithoutMark = (error: unknown) =>
  error instanceof Error && /NOT NULL constraint failed: meta\.value/.test(error.message)

/** The place of the refused statement among those that were given: the mark stands before them. */
function withoutMark(error: unknown): unknown {
  if (!(error instanceof Error) || !('statementIndex' in error)) return error
  const { message, statementIndex } = error
  const code = 'code' in error ? error.code : undefined
  return Object.assign(new Error(message, { cause: error }), {
    code,
    statementIndex: Number(statementIndex) - 1,
  })
}

/** Refused, as NULL, where the mark is not there. */
const mark = (name: string, value: string): Statement => ({
  sql: `INSERT INTO meta (key, value) VALUES (?1, (SELECT ?2 FROM meta WHERE key = ?1))
    ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
  args: [name, value],
})

/** Any number of these do what one does: the first takes the old mark over under the new name, and all tell what it said. */
const renewal = (old: string, name: string, now: number): Statement[] => [
  {
    sql: 'INSERT OR IGNORE INTO meta (key, value) SELECT ?1, value FROM meta WHERE key = ?2',
    args: [name, old],
  },
  { sql: 'DELETE FROM meta WHERE key = ?', args: [old] },
  { sql: 'INSERT OR IGNORE INTO meta (key, value) VALUES (?, ?)', args: [name, `${now} 0`] },
  {
    sql: `DELETE FROM meta WHERE key LIKE 'mark:%' AND key <> ? AND CAST(value AS INTEGER) < ?`,
    args: [name, now - MARK_AGE_MS],
  },
  { sql: 'SELECT value FROM meta WHERE key = ?', args: [name] },
]

/**
 * A commit without an answer is made again when it is certain that it was not made, and rejects when it was: the queue then
 * tells everybody to read again. Rejects also when the server stays away; nothing is committed then before it is known what
 * became of the last one.
 */
export function createMarkedTarget(deps: {
  client: MarkClient
  newId: () => string
  now: () => number
  delay: (ms: number) => Promise<unknown>
}): WriteTarget {
  const { client, newId, now, delay } = deps
  let name = ''
  /** The name to come, while it is not known whether the server has it. */
  let next: string | null = null
  let sequence = 0

  /** Takes a new mark; gives what the old one said last. Never rejects as the server does: the queue would try the commit again. */
  async function renew(): Promise<string> {
    const to = next ?? `mark:${newId()}`
    next = to
    for (let attempt = 1; ; attempt += 1) {
      try {
        const answers = await client.batch(renewal(name, to, now()), 'write')
        name = to
        next = null
        return String(answers.at(-1)?.rows[0]?.[0])
      } catch (cause) {
        if (attempt >= TRIES)
          throw new Error('the database server does not say what became of a commit', { cause })
        await delay(FIRST_DELAY_MS * 2 ** (attempt - 1))
      }
    }
  }

  return {
    async batch(statements) {
      for (let attempt = 1; ; attempt += 1) {
        if (name === '' || next !== null) await renew()
        sequence += 1
        const value = `${now()} ${sequence}`
        try {
          const answers = await client.batch([mark(name, value), ...statements], 'write')
          return answers.slice(1).map(({ rowsAffected }) => rowsAffected)
        } catch (error) {
          if (isAnswer(error) && !isWithoutMark(error)) throw withoutMark(error)
          if (attempt >= TRIES) throw error
          if ((await renew()) === value) throw unanswered(error)
        }
      }
    },
    // Each request stands alone; to open the client anew would only cut off those under way.
    async reconnect() {},
  }
}
