import { expect, it } from 'vitest'
import { isMediaType } from './media-type.ts'

it.each([
  ['image/png', true],
  ['audio/ogg; codecs=opus', true],
  ['text/plain; charset="utf-8"; format=flowed', true],
  ['application/vnd.ms-excel', true],
  ['image', false],
  ['image/png; x', false],
  ['image/png\r\nx: y', false],
  ['text/html; a="b"c"', false],
  [`a/${'b'.repeat(254)}`, false],
])('%j is a media type: %s', (text, expected) => expect(isMediaType(text)).toBe(expected))

it('a text made to be read in many ways is refused like any other', () => {
  // With two ways to read each parameter this would take 2^48 steps.
  expect(isMediaType(`a/b${';a=""'.repeat(48)}\u0001`)).toBe(false)
})
