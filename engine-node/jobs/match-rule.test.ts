import { describe, expect, it } from 'vitest'
import type { RuleRow } from '../../src/db/automation.ts'
import { matchRule } from './match-rule.ts'

const NOW = 1_700_000_000_000
const message = {
  id: 'M',
  from: '15550000001@c.us',
  chatId: '15550000001@c.us',
  body: 'Hello there',
  type: 'text',
  timestamp: NOW / 1_000,
  fromMe: false,
  isGroup: false,
  kind: 'individual',
} as const
const group = { ...message, chatId: '1@g.us', from: '1@g.us', isGroup: true, kind: 'group' } as const
const rule = (id: string, ...conditions: object[]) =>
  ({ id, conditions: conditions.length > 0 ? { conditions } : null }) as RuleRow
const hello = rule('hello', { field: 'body', operator: 'contains', value: 'hello' })
const all = rule('all')
const inGroups = rule('groups', { field: 'isGroup', operator: 'is', value: true })

describe('the rule that answers', () => {
  it.each([
    ['the oldest that matches', [hello, all], message, 'hello'],
    ['whichever matches', [hello, all], { ...message, body: 'bye' }, 'all'],
    ['none that matches', [hello], { ...message, body: 'bye' }, null],
    ['never an own message', [all], { ...message, fromMe: true }, null],
    ['no old message', [all], { ...message, timestamp: NOW / 1_000 - 301 }, null],
    ['a message of five minutes', [all], { ...message, timestamp: NOW / 1_000 - 300 }, 'all'],
    ['no group without a word', [all, hello], group, null],
    ['a group by isGroup', [all, inGroups], group, 'groups'],
    ['a group by kind', [rule('k', { field: 'kind', operator: 'is', value: 'group' })], group, 'k'],
    ['a group by its id', [rule('c', { field: 'chatId', operator: 'is', value: '1@g.us' })], group, 'c'],
    [
      'no group by what it is not',
      [rule('n', { field: 'kind', operator: 'isNot', value: 'status' })],
      group,
      null,
    ],
    ['no group by false', [rule('f', { field: 'isGroup', operator: 'isNot', value: false })], group, null],
    ['no status', [all, inGroups], { ...message, kind: 'status' }, null],
    ['no channel', [all], { ...message, kind: 'channel' }, null],
    [
      'all conditions',
      [rule('both', hello.conditions?.conditions[0] ?? {}, inGroups.conditions?.conditions[0] ?? {})],
      message,
      null,
    ],
  ] as const)('%s', (_what, rules, given, expected) => {
    expect(matchRule(rules, given, NOW)?.id ?? null).toBe(expected)
  })
})
