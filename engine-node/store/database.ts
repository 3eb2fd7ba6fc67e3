// Opens the database: a file of our own, or a libsql server; brings its tables up to date; refuses one that is newer.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Client, createClient } from '@libsql/client'
import { drizzle } from 'drizzle-orm/libsql'
import { migrate } from 'drizzle-orm/libsql/migrator'
import * as v from 'valibot'
import { GatewayError } from '../../src/contract/errors.ts'
import type { Db } from '../../src/db/db.ts'
import * as schema from '../../src/db/schema.ts'
import { LOCK_WAIT_MS } from './connection.ts'
import { createFileClient } from './file-client.ts'
import { commitHere, commitInThread } from './file-target.ts'
import type { WriteTarget } from './write-queue.ts'

const MIGRATIONS = fileURLToPath(new URL('../../src/db/migrations', import.meta.url))

export interface OpenDatabase extends AsyncDisposable {
  db: Db
  target: WriteTarget
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
}): Promise<OpenDatabase> {
  const { url, authToken, migrations = MIGRATIONS, thread = false } = options
  const client = createClient({ url, ...(authToken ? { authToken } : {}), timeout: LOCK_WAIT_MS })
  const local = url.startsWith('file:')
  const path = url.startsWith('file://') ? fileURLToPath(url) : url.slice('file:'.length)
  try {
    if (local) await client.execute('PRAGMA synchronous = FULL')
    const pending = await pendingMigrations(client, migrations)
    if (local && pending.isUpgrade) await backUp(client, path, pending.to)
    await migrate(drizzle(client, { schema }), { migrationsFolder: migrations })
    return local ? openFile(client, path, thread) : openServer(client)
  } catch (error) {
    client.close()
    if (error instanceof GatewayError) throw error
    throw new GatewayError(
      'storage_unavailable',
      `The database ${local ? path : 'server'} cannot be opened. Nothing was changed. ${
        local
          ? 'Check that the file is a whole database and that this user may write it'
          : 'Check DATABASE_URL and DATABASE_AUTH_TOKEN'
      }`,
      { cause: error },
    )
  }
}

function openServer(client: Client): OpenDatabase {
  return {
    db: asDb(client),
    target: {
      async batch(statements) {
        const results = await client.batch(statements, 'write')
        return results.map(result => result.rowsAffected)
      },
      async reconnect() {
        await client.reconnect()
      },
    },
    async [Symbol.asyncDispose]() {
      client.close()
    },
  }
}

function openFile(whole: Client, path: string, thread: boolean): OpenDatabase {
  const reads = createFileClient(path, whole)
  const target = thread ? commitInThread(path) : commitHere(path)
  return {
    db: asDb(reads.client),
    target: {
      batch: statements => target.batch(statements),
      async reconnect() {
        await target.reconnect()
        reads.reconnect()
      },
    },
    async [Symbol.asyncDispose]() {
      await target[Symbol.asyncDispose]()
      reads.client.close()
    },
  }
}

/** The driver's result type is the one thing that Db leaves open. */
const asDb = (client: Client) => drizzle(client, { schema }) as unknown as Db

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
