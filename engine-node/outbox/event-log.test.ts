import { expect, it } from 'vitest'
import { eventLogAlone } from '../../test/support/event-log.ts'
import { message } from '../../test/support/outbox.ts'

const log = eventLogAlone(() => 1)
const textOf = (data: object, json?: string) =>
  log.record('message.received', 'session', data as never, { occurredAt: 1, json })[0]?.args[4]

it('takes the JSON that was made of the data', () => {
  expect(textOf(message('1@c.us', 'A'), '{"made":"before"}')).toBe('{"made":"before"}')
  expect(textOf(message('1@c.us', 'A'))).toBe(JSON.stringify(message('1@c.us', 'A')))
})

it('makes its own where the log does not keep all of the data', () => {
  const data = { ...message('1@c.us', 'A'), media: { mimetype: 'image/png', data: 'AAAA' } }
  expect(textOf(data, JSON.stringify(data))).toContain('"omitted":true')
})
