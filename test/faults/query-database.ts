// Reads a database file, also as a program: in a mount namespace of somebody else's the file is another one.
import { execFileSync } from 'node:child_process'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'

export type Row = Record<string, unknown>

/** The rows of one question to the file. */
export function queryFile(file: string, sql: string, ...args: string[]): Row[] {
  const db = new DatabaseSync(file, { readOnly: true })
  try {
    return db.prepare(sql).all(...args)
  } finally {
    db.close()
  }
}

/** The same, of the file that the process `pid` sees under this name: SQLite resolves links by itself, so `/proc` does not do. */
export function queryWithin(pid: number, ...asked: Parameters<typeof queryFile>): Row[] {
  // Root enters a mount namespace as it is; others enter the user namespace that it belongs to as well.
  const namespaces = process.getuid?.() === 0 ? ['--mount'] : ['--user', '--mount']
  const program = [process.execPath, '--no-warnings', fileURLToPath(import.meta.url), JSON.stringify(asked)]
  const args = ['--target', String(pid), ...namespaces, ...program]
  return JSON.parse(execFileSync('nsenter', args, { encoding: 'utf8' }))
}

if (import.meta.main)
  process.stdout.write(
    JSON.stringify(queryFile(...(JSON.parse(process.argv[2] ?? '') as Parameters<typeof queryFile>))),
  )
