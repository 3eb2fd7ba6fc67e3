import { describe, expect, it } from 'vitest'
import { isSafePattern, mayMatch } from './safe-pattern.ts'

describe('isSafePattern', () => {
  it.each([
    '^https?://',
    '^[^@\\s]+@[^@\\s]+\\.[a-z]+$',
    '^\\d{4}-\\d{2}-\\d{2}$',
    '^(?:on|off)$',
    '^[A-Z0-9_]+$',
    '^\\+?[0-9]{7,15}$',
    '[(+*]',
    '',
  ])('runs %s', pattern => expect(isSafePattern(pattern)).toBe(true))

  it.each([
    '(a+)+$',
    '^(a|a)*$',
    '^(\\w+\\s?)*$',
    '(.*)\\1',
    '(?<x>a)\\k<x>',
    '(?=a*)a',
    '(?<!a)b',
    '^.*.*.*.*x$',
    '.*.*.*x',
    '^a?a?a?a?a?$',
    '^(a{2}){9}$',
    '^x{1,}y{2,}z{3,}w{4,}$',
    '(',
    'a'.repeat(300),
  ])('leaves %s to the form', pattern => expect(isSafePattern(pattern)).toBe(false))
})

describe('mayMatch', () => {
  it('refuses only by a safe pattern', () => {
    expect(mayMatch('^a+$', 'aaa')).toBe(true)
    expect(mayMatch('^a+$', 'aab')).toBe(false)
    expect(mayMatch('^(a+)+$', `${'a'.repeat(40)}b`)).toBe(true)
    expect(mayMatch('^a+$', 'b'.repeat(200))).toBe(true)
  })

  it('is done with the worst value of the worst pattern in a moment', () => {
    const started = performance.now()
    for (const pattern of ['^.*.*.*x$', '.*a?.*a?b?b?x', '^[ab]*[ab]*[ab]*(a|b)(a|b)(a|b)(a|b)x'])
      expect(isSafePattern(pattern) && mayMatch(pattern, 'a'.repeat(128))).toBe(false)
    expect(performance.now() - started).toBeLessThan(1_500)
  })
})
