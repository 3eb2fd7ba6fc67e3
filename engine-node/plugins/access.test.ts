import { describe, expect, it } from 'vitest'
import type { PluginRow } from '../../src/db/plugins.ts'
import { accessOf, isActiveFor } from './access.ts'
import { goodManifest } from './archive.fixtures.ts'

const rowOf = (manifest: Record<string, unknown>, activeSessions = ['*']) =>
  ({ id: 'p', manifest: { ...goodManifest, ...manifest }, activeSessions }) as unknown as PluginRow

describe('accessOf and isActiveFor', () => {
  const cases: [string, PluginRow, [one: boolean, two: boolean, gateway: boolean]][] = [
    ['no list means all', rowOf({}), [true, true, true]],
    ['null means all', rowOf({ sessions: null }), [true, true, true]],
    ['an empty list means none', rowOf({ sessions: [] }), [false, false, true]],
    ['the manifest bounds', rowOf({ sessions: ['one'] }), [true, false, true]],
    ['the operator bounds', rowOf({}, ['two']), [false, true, true]],
    ['the operator does not widen', rowOf({ sessions: ['one'] }, ['two']), [false, false, true]],
    ['nothing activated', rowOf({}, []), [false, false, true]],
    ['a global plugin has no activation', rowOf({ sessionScoped: false }, []), [true, true, true]],
    ['a manifest that cannot be read', rowOf({ id: '../x' }), [false, false, true]],
  ]
  it.each(cases)('%s', (_what, row, expected) => {
    const access = accessOf(row)
    expect([isActiveFor(access, 'one'), isActiveFor(access, 'two'), isActiveFor(access, null)]).toEqual(
      expected,
    )
  })

  it('gives no permission to a manifest that cannot be read', () => {
    expect(accessOf(rowOf({})).permissions).toEqual(['storage:use'])
    expect(accessOf(rowOf({ version: '' })).permissions).toEqual([])
  })
})
