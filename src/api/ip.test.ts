import { describe, expect, it } from 'vitest'
import { isInRange, isSubrange, limitKey, parseIp, parseIpRange } from './ip.ts'

const inRange = (ip: string, range: string) => isInRange(parseIp(ip)!, parseIpRange(range)!)

describe('parseIp', () => {
  it.each([
    ['127.0.0.1', 32, 0x7f000001n],
    ['::1', 128, 1n],
    ['::', 128, 0n],
    ['::ffff:10.0.0.1', 32, 0x0a000001n],
    ['fe80::1%eth0', 128, (0xfe80n << 112n) | 1n],
    ['2001:db8:0:0:0:0:0:1', 128, (0x20010db8n << 96n) | 1n],
  ])('reads %s', (text, bits, value) => {
    expect(parseIp(text)).toEqual({ bits, value })
  })

  it.each([
    '',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    '256.1.1.1',
    '1.2.3.4 ',
    'localhost',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '12345::',
    'g::',
    '1:2:3:4:5:6:7::8',
    `${'1'.repeat(99)}`,
  ])('refuses %j', text => {
    expect(parseIp(text)).toBeNull()
  })
})

describe('ranges', () => {
  it.each([
    ['10.1.2.3', '10.0.0.0/8', true],
    ['11.1.2.3', '10.0.0.0/8', false],
    ['10.1.2.3', '10.1.2.3', true],
    ['10.1.2.4', '10.1.2.3', false],
    ['1.2.3.4', '0.0.0.0/0', true],
    ['::1', '0.0.0.0/0', false],
    ['2001:db8::1', '2001:db8::/32', true],
    ['2001:db9::1', '2001:db8::/32', false],
  ])('%s in %s: %s', (ip, range, answer) => {
    expect(inRange(ip, range)).toBe(answer)
  })

  it.each(['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', '10.0.0.0/-1', 'x/8'])('refuses %j', text => {
    expect(parseIpRange(text)).toBeNull()
  })

  it('knows when one range lies in another', () => {
    expect(isSubrange(parseIpRange('10.1.0.0/16')!, parseIpRange('10.0.0.0/8')!)).toBe(true)
    expect(isSubrange(parseIpRange('10.0.0.0/8')!, parseIpRange('10.1.0.0/16')!)).toBe(false)
  })
})

it('counts an IPv6 network as one client, and IPv4 in either spelling as the same', () => {
  expect(limitKey('2001:db8::1')).toBe(limitKey('2001:db8:0:0:ffff::2'))
  expect(limitKey('2001:db8::1')).not.toBe(limitKey('2001:db8:0:1::1'))
  expect(limitKey('1.2.3.4')).not.toBe(limitKey('1.2.3.5'))
})
