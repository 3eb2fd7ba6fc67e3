import { expect, it } from 'vitest'
import { parseManifest } from './archive.ts'
import { growthOf } from './growth.ts'

const base = { id: 'p', name: 'P', version: '1.0.0', type: 'extension', main: 'index.js' }
type Fields = Record<string, unknown>

const rows: [string, Fields, Fields, string[]][] = [
  ['nothing', {}, {}, []],
  ['less', { permissions: ['net:fetch', 'storage:use'] }, { permissions: ['storage:use'] }, []],
  ['a permission', {}, { permissions: ['net:fetch'] }, ['the permission net:fetch']],
  [
    'memory and a variable',
    {},
    { limits: { memoryMb: 128 }, env: ['KEY'] },
    ['limits.memoryMb 128', 'env KEY'],
  ],
  [
    'a host',
    { net: { allow: ['a.example'] } },
    { net: { allow: ['b.example', 'a.example'] } },
    ['the host b.example'],
  ],
  [
    'a host of a setting',
    {},
    { net: { allowConfigHosts: ['url'] } },
    ['the host that the setting url names'],
  ],
  [
    'a host no longer denied',
    { net: { deny: ['a.example'] } },
    { net: {} },
    ['the host a.example, which it had ruled out'],
  ],
  ['sessions out of all', {}, { sessions: ['s1'] }, []],
  ['all sessions', { sessions: ['s1'] }, {}, ['all sessions']],
  ['a session', { sessions: ['s1'] }, { sessions: ['s1', 's2'] }, ['the session s2']],
  [
    'the whole gateway',
    {},
    { sessionScoped: false },
    ['events of all sessions, whatever it was activated for'],
  ],
]
it.each(rows)('asks anew for %s', (_, before, after, grown) =>
  expect(growthOf(parseManifest({ ...base, ...before }), parseManifest({ ...base, ...after }))).toEqual(
    grown,
  ),
)
