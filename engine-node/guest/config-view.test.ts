import { expect, it } from 'vitest'
import { createConfigView, mergeDeep } from './config-view.ts'

it.each([
  [{ a: 1 }, {}, { a: 1 }],
  [{ a: 1 }, { a: 2, b: 3 }, { a: 2, b: 3 }],
  [{ a: { b: 1, c: 2 } }, { a: { c: 3 } }, { a: { b: 1, c: 3 } }],
  [{ a: [1, 2] }, { a: [3] }, { a: [3] }],
  [{ a: { b: 1 } }, { a: null }, { a: null }],
  [{ a: 1 }, { a: { b: 1 } }, { a: { b: 1 } }],
])('%j under %j is %j', (base, over, merged) => {
  const before = JSON.stringify(base)
  expect(mergeDeep(base, over)).toEqual(merged)
  expect(JSON.stringify(base)).toBe(before)
})

it('lays the slice of a session over the base, until both are replaced', () => {
  const view = createConfigView()
  expect(view.of(null)).toEqual({})
  view.replace({ base: { a: 1, b: 1 }, sessions: { s1: { a: 2 } } })
  expect(view.of('s1')).toEqual({ a: 2, b: 1 })
  expect(view.of('s1')).toBe(view.of('s1'))
  for (const other of [null, 's2', 'constructor', '__proto__']) expect(view.of(other)).toEqual({ a: 1, b: 1 })
  view.replace({ base: { a: 3 }, sessions: {} })
  expect(view.of('s1')).toEqual({ a: 3 })
})
