// Opens the database: a file of our own, or a libsql server; brings its tables up to date; refuses one that is newer.
import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Client, createClient } from '@libsql/client/web'
import { migrate } from 'drizzle-orm/libsql/migrator'
import { drizzle } from 'drizzle-orm/libsql/web'
import * as v from 'valibot'
import { GatewayError } from '../../src/contract/errors.ts'
import type { Db } from '../../src/db/db.ts'
import * as schema from '../../src/db/schema.ts'
import { createFileClient } from './file-client.ts'
import { commitHere, commitInThread } from './file-target.ts'
import { createMarkedTarget } from './marked-target.ts'
import type { WriteTarget } from './write-queue.ts'

const MIGRATIONS = fileURLToPath(new URL('../../src/db/migrations', import.meta.url))

/** Without an end a server that fell silent would hold every write, and with them every receipt. A slow one has its seconds. */
const ANSWER_WITHIN_MS = 20_000

export interface OpenDatabase extends AsyncDisposable {
  db: Db
  target: WriteTarget
  /** For an end that cannot wait: commits nothing more, and resolves when the commit under way is over. */
  halt(): Promise<void>
}

const Journal = v.object({ entries: v.array(v.object({ when: v.number(), tag: v.string() })) })

/**
 * `url` is `file:…`, or `libsql:`, `http:` or `https:` with `authToken`. Rejects with `database_newer` when another
 * version of Wharf has changed the tables since, with `storage_unavailable` when it cannot be opened at all.
 */
export async function openDatabase(options: {
  url: string
  authToken?: string | undefined
  /** Folder of the generated migrations; ours, but for tests. */
  migrations?: string
  /** Commits to a file on a thread of their own: for a process that has other things to do meanwhile. */
  thread?: boolean
  /** How long a server may take for an answer, ms; as it should be, but for tests. */
  answerWithinMs?: number
}): Promise<OpenDatabase> {
  const {
    url,
    authToken,
    migrations = MIGRATIONS,
    thread = false,
    answerWithinMs = ANSWER_WITHIN_MS,
  } = options
  const local = url.startsWith('file:')
  const path = url.startsWith('file://') ? fileURLToPath(url) : url.slice('file:'.length)
  let client: Client | undefined
  try {
    client = local
      ? createFileClient(path)
      : createClient({
          url,
          ...(authToken ? { authToken } : {}),
          fetch: (request: Request) => fetch(request, { signal: AbortSignal.timeout(answerWithinMs) }),
        })
    if (local) await assertWhole(client, path)
    const pending = await pendingMigrations(client, migrations)
    if (local && pending.isUpgrade) await backUp(client, path, pending.to)
    await migrate(drizzle(client, { schema }), { migrationsFolder: migrations })
    if (local) await assertWritable(client)
    return local ? openFile(client, path, thread) : openServer(client)
  } catch (error) {
    client?.close()
    if (error instanceof GatewayError) throw error
    throw new GatewayError(
      'storage_unavailable',
      `The database ${local ? path : 'server'} cannot be opened. Nothing was changed. ${
        local
          ? 'Check that this user may write it and that there is room on the disk; a file that is damaged has to come from your backup'
          : 'Check DATABASE_URL and DATABASE_AUTH_TOKEN'
      }`,
      { cause: error },
    )
  }
}

function openServer(client: Client): OpenDatabase {
  return {
    db: asDb(client),
    target: createMarkedTarget({
      client,
      newId: randomUUID,
      now: Date.now,
      delay: ms => new Promise(resolve => setTimeout(resolve, ms)),
    }),
    halt: async () => {},
    async [Symbol.asyncDispose]() {
      client.close()
    },
  }
}

function openFile(reads: Client, path: string, thread: boolean): OpenDatabase {
  const target = thread ? commitInThread(path) : commitHere(path)
  return {
    db: asDb(reads),
    target: {
      batch: statements => target.batch(statements),
      async reconnect() {
        await target.reconnect()
        await reads.reconnect()
      },
    },
    halt: async () => await target[Symbol.asyncDispose](),
    async [Symbol.asyncDispose]() {
      await target[Symbol.asyncDispose]()
      await emptyWal(reads)
      reads.close()
    },
  }
}

/** So that after an orderly end the one file is all there is, for whoever copies it. */
async function emptyWal(client: Client) {
  try {
    await client.execute('PRAGMA wal_checkpoint(TRUNCATE)')
  } catch (error) {
    // On a full or damaged disk all stays in the WAL, where the next start finds it.
    if (!(error instanceof Error && 'code' in error && /^SQLITE_/.test(String(error.code)))) throw error
  }
}

/** The driver's result type is the one thing that Db leaves open. */
const asDb = (client: Client) => drizzle(client, { schema }) as unknown as Db

/** Above it a start would wait for the check longer than for all else; damage then shows when it is read. */
const CHECKED_BYTES = 256 * 1024 * 1024

/** A database that is damaged in its structure must not be written to: each write can make more of it unreadable. */
async function assertWhole(client: Client, path: string) {
  if (statSync(path).size > CHECKED_BYTES) return
  const { rows } = await client.execute('PRAGMA quick_check(1)')
  const found = String(rows[0]?.[0])
  if (found !== 'ok') throw new Error(`the database is damaged: ${found}`)
}

/** Reading alone would start, and refuse every message from then on. Held by somebody else, it is theirs for a moment. */
async function assertWritable(client: Client) {
  try {
    // A transaction alone would not do: SQLite begins one that reads.
    await client.batch(['UPDATE __drizzle_migrations SET hash = hash WHERE false'], 'write')
  } catch (error) {
    if (!(error instanceof Error && /SQLITE_BUSY|database is locked/.test(error.message))) throw error
  }
}

async function pendingMigrations(client: Client, folder: string) {
  const { entries } = v.parse(
    Journal,
    JSON.parse(readFileSync(join(folder, 'meta', '_journal.json'), 'utf8')),
  )
  const known = entries.at(-1)
  if (!known) throw new Error('there are no migrations')
  const table = await client.execute("SELECT 1 FROM sqlite_master WHERE name = '__drizzle_migrations'")
  if (table.rows.length === 0) return { isUpgrade: false, to: known.tag }
  const applied = Number(
    (await client.execute('SELECT MAX(created_at) FROM __drizzle_migrations')).rows[0]?.[0] ?? 0,
  )
  if (applied > known.when)
    throw new GatewayError(
      'database_newer',
      'The database was written by a newer version of Wharf than this one. Start that version, or restore the backup that it made before it changed the tables.',
    )
  return { isUpgrade: applied > 0 && applied < known.when, to: known.tag }
}

/** A copy beside the file before the tables change, so that going back to the older version stays possible. */
async function backUp(client: Client, file: string, to: string) {
  const copy = `${file}.before-${to}`
  if (!existsSync(copy)) await client.execute({ sql: 'VACUUM INTO ?', args: [copy] })
}
