import { expect, it } from 'vitest'
import { groupFailure } from './group-failure.ts'

it.each([
  [404, 'not_found'],
  [403, 'not_found'],
  [undefined, 'whatsapp_unanswered'],
  [500, 'whatsapp_unanswered'],
])('a group that is not told with status %s is %s', (status, code) =>
  expect(groupFailure('120@g.us', status, null)).toMatchObject({ code }),
)
