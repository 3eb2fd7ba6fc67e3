// What it costs to learn people. What is learnt is in identity.test.ts.
import { afterEach, beforeEach, expect, it } from 'vitest'
import { openFile, type TestDatabase } from '../../../test/support/api-database.ts'
import { openQueryPlans } from '../../../test/support/query-plans.ts'
import { learnPeople } from './people.ts'

const SESSION = 'c0000000-0000-4000-8000-000000000001'

let database: TestDatabase
beforeEach(async () => {
  database = await openFile()
  await database.writer.commit([
    {
      sql: `INSERT INTO sessions (id, name, status, created_at, updated_at) VALUES (?, 'main', 'ready', 0, 0)`,
      args: [SESSION],
    },
  ])
})
afterEach(() => database[Symbol.asyncDispose]())

it('looks at nothing but what it is told of, however much else there is', async () => {
  using plans = openQueryPlans(database.url)
  const statements = learnPeople(SESSION, [{ phoneId: '1@c.us', lidId: '2@lid', name: 'Bob' }], () => 'id')
  for (const statement of statements) {
    const plan = await plans.of(statement)
    // By the first column of an index alone it would be all rows of the session.
    const wholes = plan.filter(
      step => /\(session_id=\?\)$/.test(step) || /^SCAN (?!json_each |found$|x( |$)|o$)/.test(step),
    )
    expect(wholes, `${statement.sql}\n${plan.join('\n')}`).toEqual([])
  }
  expect(statements.length).toBeGreaterThan(20)
})

it('learns the thousands at once that a phone knows when it is linked, and again what it knows', async () => {
  const people = Array.from({ length: 3_000 }, (_, n) => ({
    phoneId: `1555${n}@c.us`,
    lidId: `9${n}@lid`,
    pushName: `Person ${n}`,
  }))
  let ids = 0
  for (let round = 0; round < 2; round += 1)
    await database.writer.commit(learnPeople(SESSION, people, () => `person ${++ids}`))
  const rows = await database.db.query.contacts.findMany()
  expect(new Set(rows.map(({ phoneId, lidId, pushName }) => `${phoneId} ${lidId} ${pushName}`))).toEqual(
    new Set(people.map(({ phoneId, lidId, pushName }) => `${phoneId} ${lidId} ${pushName}`)),
  )
})
