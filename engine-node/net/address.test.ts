import { describe, expect, it } from 'vitest'
import { isSameAddress, judgeAddress, parseAddress } from './address.ts'

describe('parseAddress', () => {
  const canonical: [string, string][] = [
    ['1.2.3.4', '01020304'],
    ['::', '00'.repeat(16)],
    ['::1', `${'00'.repeat(15)}01`],
    ['2001:db8::1:0', `20010db8${'00'.repeat(8)}00010000`],
    ['::ffff:1.2.3.4', `${'00'.repeat(10)}ffff01020304`],
    ['1:2:3:4:5:6:7:8', '00010002000300040005000600070008'],
    ['1:2:3:4:5:6:7::', '00010002000300040005000600070000'],
  ]
  it.each(canonical)('%s', (text, hex) => {
    expect(Buffer.from(parseAddress(text) ?? []).toString('hex')).toBe(hex)
  })

  it.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '0177.0.0.1',
    '127.1',
    '2130706433',
    '1.2.3.256',
    '1.2.3.4 ',
    '0x7f.0.0.1',
    'fe80::1%eth0',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::',
    '12345::',
    'g::',
    '::1.2.3',
    '[::1]',
    '::1.2.3.4:5',
    ':1',
    '1:',
  ])('refuses %j', text => expect(parseAddress(text)).toBeNull())
})

describe('judgeAddress', () => {
  const verdicts: [string, boolean][] = [
    ['9.255.255.255', true],
    ['10.0.0.0', false],
    ['10.255.255.255', false],
    ['11.0.0.0', true],
    ['100.64.0.0', false],
    ['100.127.255.255', false],
    ['100.128.0.0', true],
    ['172.15.255.255', true],
    ['172.31.255.255', false],
    ['172.32.0.0', true],
    ['192.0.0.0', false],
    ['192.0.1.0', true],
    ['198.51.100.1', false],
    ['223.255.255.255', true],
    ['255.255.255.255', false],
    ['2606:4700:4700::1111', true],
    ['2001:4860:4860::8888', true],
    ['2001:1ff::1', false],
    ['2001:200::1', true],
    ['3fff::1', false],
    ['3ffe::1', true],
    ['1fff::1', false],
    ['::ffff:8.8.8.8', true],
    ['::ffff:10.0.0.1', false],
    ['64:ff9b::8.8.8.8', true],
    ['64:ff9b::10.0.0.1', false],
    ['64:ff9b:1::808:808', false],
    ['2002:808:808::1', false],
    ['fc00::1', false],
    ['ff02::1', false],
  ]
  it.each(verdicts)('%s: %s', (text, isPublic) => {
    expect(judgeAddress(parseAddress(text)!).public).toBe(isPublic)
  })
})

it('takes a mapped address for the one inside', () => {
  const same = (one: string, other: string) => isSameAddress(parseAddress(one)!, parseAddress(other)!)
  expect(same('::ffff:1.2.3.4', '1.2.3.4')).toBe(true)
  expect(same('1.2.3.4', '1.2.3.5')).toBe(false)
  expect(same('::1.2.3.4', '1.2.3.4')).toBe(false)
})
