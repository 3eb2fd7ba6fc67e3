import { describe, expect, it } from 'vitest'
import type { Condition } from '../contract/webhook.ts'
import { holds, wants } from './filter.ts'

const PAYLOAD = {
  from: '15550000001@c.us',
  to: '15550000002@c.us',
  chatId: '15550000001@c.us',
  body: 'Hello World',
  type: 'text',
  kind: 'individual',
  fromMe: false,
  isGroup: false,
  mentionedIds: ['15550000003@c.us'],
}
const GROUP = { ...PAYLOAD, from: '1@g.us', chatId: '1@g.us', author: '77@lid', senderPhone: '15550000004' }

const rows: [Partial<Condition>, object, boolean][] = [
  [{ field: 'sender', operator: 'is', value: '15550000001' }, PAYLOAD, true],
  [{ field: 'sender', operator: 'is', value: '+15550000001' }, PAYLOAD, true],
  [{ field: 'sender', operator: 'is', value: '15550000001@s.whatsapp.net' }, PAYLOAD, true],
  [{ field: 'sender', operator: 'is', value: ['9', '15550000001@c.us'] }, PAYLOAD, true],
  [{ field: 'sender', operator: 'isNot', value: '15550000001' }, PAYLOAD, false],
  [{ field: 'sender', operator: 'is', value: '77@lid' }, GROUP, true],
  [{ field: 'sender', operator: 'is', value: '15550000004' }, GROUP, true],
  [{ field: 'sender', operator: 'contains', value: '0004' }, GROUP, true],
  [{ field: 'recipient', operator: 'is', value: '15550000002' }, PAYLOAD, true],
  [{ field: 'chatId', operator: 'is', value: '1@g.us' }, GROUP, true],
  [{ field: 'chatId', operator: 'is', value: '1' }, GROUP, false],
  [{ field: 'mentions', operator: 'is', value: '15550000003' }, PAYLOAD, true],
  [{ field: 'mentions', operator: 'isNot', value: '15550000003' }, PAYLOAD, false],
  [{ field: 'mentions', operator: 'isNot', value: '15550000003' }, {}, true],
  [{ field: 'body', operator: 'contains', value: 'hello' }, PAYLOAD, true],
  [{ field: 'body', operator: 'contains', value: 'hello', caseSensitive: true }, PAYLOAD, false],
  [{ field: 'body', operator: 'equals', value: 'hello world' }, PAYLOAD, true],
  [{ field: 'body', operator: 'is', value: 'hello' }, PAYLOAD, false],
  [{ field: 'body', operator: 'contains', value: ['x', 'WORLD'] }, PAYLOAD, true],
  [{ field: 'type', operator: 'is', value: ['image', 'text'] }, PAYLOAD, true],
  [{ field: 'kind', operator: 'isNot', value: 'group' }, PAYLOAD, true],
  [{ field: 'fromMe', operator: 'is', value: false }, PAYLOAD, true],
  [{ field: 'fromMe', operator: 'isNot', value: false }, PAYLOAD, false],
  [{ field: 'hasMedia', operator: 'equals', value: true }, { media: { mimetype: 'x' } }, true],
  // What is not there: nothing is, contains or equals it, `isNot` holds, a boolean is false.
  [{ field: 'body', operator: 'is', value: 'x' }, {}, false],
  [{ field: 'body', operator: 'contains', value: '' }, {}, false],
  [{ field: 'body', operator: 'equals', value: '' }, {}, false],
  [{ field: 'body', operator: 'isNot', value: 'x' }, {}, true],
  [{ field: 'hasMedia', operator: 'is', value: false }, {}, true],
  [{ field: 'isGroup', operator: 'is', value: true }, {}, false],
]

describe('filters', () => {
  it.each(rows)('%j of %j', (condition, payload, expected) =>
    expect(holds(condition as Condition, payload as Record<string, unknown>)).toBe(expected),
  )

  it('must all hold, after the name', () => {
    const filters = {
      conditions: [
        { field: 'fromMe', operator: 'is', value: false },
        { field: 'body', operator: 'contains', value: 'hello' },
      ] satisfies Condition[],
    }
    expect(wants({ events: ['message.received'], filters }, 'message.received', PAYLOAD)).toBe(true)
    expect(wants({ events: ['*'], filters }, 'message.received', PAYLOAD)).toBe(true)
    expect(wants({ events: ['message.sent'], filters }, 'message.received', PAYLOAD)).toBe(false)
    expect(wants({ events: [], filters: null }, 'message.received', PAYLOAD)).toBe(false)
    expect(wants({ events: ['*'], filters }, 'message.received', { ...PAYLOAD, fromMe: true })).toBe(false)
  })
})
