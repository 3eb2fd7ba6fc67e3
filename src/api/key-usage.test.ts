import { expect, it } from 'vitest'
import { openFile } from '../../test/support/api-database.ts'
import { findApiKey, insertApiKey } from '../db/api-keys.ts'
import { createKeyUsage } from './key-usage.ts'

it('keeps what could not be written for the next time, and tells of the failure', async () => {
  await using database = await openFile()
  const { db, writer } = database
  await writer.commit([
    insertApiKey(db, { id: 'k', name: 'k', keyPrefix: 'k', keyHash: 'k', role: 'viewer', createdAt: 0 }),
  ])
  const clock = { now: 0, broken: true }
  const errors: unknown[] = []
  const usage = createKeyUsage({
    db,
    writer: {
      async commit(statements) {
        if (clock.broken) throw new Error('disk full')
        return await writer.commit(statements)
      },
    },
    now: () => clock.now,
    onError: error => errors.push(error),
  })
  expect(usage.count('k')).toBeNull()
  clock.now = 10_000
  await usage.count('k')
  expect(errors).toEqual([new Error('disk full')])
  clock.broken = false
  clock.now = 15_000
  expect(usage.count('k')).toBeNull()
  await usage.flush()
  expect(await findApiKey(db, 'k')).toMatchObject({ usageCount: 3, lastUsedAt: 15_000 })
})
