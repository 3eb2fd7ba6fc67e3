import { expect, it } from 'vitest'
import { encodeFetchArguments } from './fetch-arguments.ts'

const all = Uint8Array.from({ length: 256 }, (_, byte) => byte)
const base64 = Buffer.from(all).toString('base64')

it.each([
  ['a Uint8Array', all],
  ['a Buffer', Buffer.from(all)],
  ['an ArrayBuffer', all.buffer],
  ['a DataView', new DataView(all.buffer)],
  ['a part of a larger buffer', Uint8Array.from([9, ...all, 9]).subarray(1, 257)],
])('sends %s byte for byte', (_, body) => {
  expect(encodeFetchArguments(['u', { method: 'POST', body }])).toEqual([
    'u',
    { method: 'POST', body: { base64 } },
  ])
})

it('leaves everything else as it is', () => {
  expect(encodeFetchArguments(['u'])).toEqual(['u', undefined])
  expect(encodeFetchArguments(['u', { body: 'text' }])).toEqual(['u', { body: 'text' }])
  expect(encodeFetchArguments([new URL('https://a.example/b'), null])).toEqual(['https://a.example/b', null])
})
