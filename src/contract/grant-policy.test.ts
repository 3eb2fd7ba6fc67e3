import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { GrantPolicyText } from './grant-policy.ts'

const read = (text: string) => v.safeParse(GrantPolicyText, text)

describe('the text of a policy', () => {
  it('is what each plugin may be given', () => {
    const grants = { limits: { memoryMb: 128 }, env: ['SHOP_TOKEN'], filesystem: { read: ['/srv/shop'] } }
    expect(read(JSON.stringify({ shop: grants })).output).toEqual(new Map([['shop', grants]]))
    expect(read('{}').output).toEqual(new Map())
  })

  const refused: [string, string][] = [
    ['', 'must be an object of what each plugin may be given, by its id'],
    ['{', 'must be an object of what each plugin may be given, by its id'],
    ['[]', 'must be an object'],
    ['{"../x":{}}', 'holds "../x", which is no id of a plugin'],
    ['{"*":{}}', 'holds "*", which is no id of a plugin'],
    ['{"shop":{"limits":{"memoryMb":513}}}', 'shop: limits.memoryMb must be a whole number from 16 to 512'],
    ['{"shop":{"env":["NODE_OPTIONS"]}}', 'shop: env holds "NODE_OPTIONS", which a plugin cannot have'],
    [
      '{"shop":{"filesystem":{"read":["/srv/../etc"]}}}',
      'shop: filesystem.read holds "/srv/../etc", which is not a plain absolute path',
    ],
    ['{"shop":{"filesystem":{"write":["/srv/"]}}}', 'is not a plain absolute path'],
    [
      '{"shop":{"modules":["child_process"]}}',
      'shop: modules holds "child_process", which no plugin may have',
    ],
    ['{"shop":{"sandboxed":true}}', 'shop: sandboxed can only be false'],
    ['{"shop":{"memory":64}}', 'shop: memory is not something that can be given'],
    ['{"shop":7}', 'shop: its value is not something that can be given'],
  ]
  it.each(refused)('%s is refused in words', (text, message) => {
    expect(read(text).issues?.[0]?.message).toContain(message)
  })

  it('tells all of its faults', () => {
    const { issues } = read('{"a":{"env":["1"]},"b":{"modules":["vm"]}}')
    expect(issues).toHaveLength(1)
    expect(issues?.[0].message).toMatch(/a: env holds .*, b: modules holds /)
  })
})
