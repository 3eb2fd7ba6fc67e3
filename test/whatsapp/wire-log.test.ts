import { expect, it } from 'vitest'
import { node } from './nodes.ts'
import { createWireLog, type WireEntry } from './wire-log.ts'

const bob = '15550000002@s.whatsapp.net'

it.each<[string, Parameters<typeof node>, Partial<WireEntry>]>([
  [
    'a message',
    ['message', { id: 'A', to: bob, type: 'text' }],
    { kind: 'message', detail: 'text', peer: bob },
  ],
  ['a peer message', ['message', { id: 'A', to: bob, category: 'peer' }], { kind: 'peer' }],
  ['a delivery receipt', ['receipt', { id: 'A', to: bob }], { kind: 'receipt', detail: 'delivery' }],
  ['a read receipt', ['receipt', { id: 'A', to: bob, type: 'read' }], { kind: 'receipt', detail: 'read' }],
  ['a retry receipt', ['receipt', { id: 'A', to: bob, type: 'retry' }], { kind: 'retry' }],
  ['an ack', ['ack', { id: 'A', to: bob, class: 'message' }], { kind: 'ack', detail: 'message' }],
  ['a nack', ['ack', { id: 'A', to: bob, class: 'message', error: 479 }], { kind: 'nack', detail: '479' }],
])('writes down %s', (_what, stanza, entry) => {
  const log = createWireLog()
  log.record('in', node(...stanza), '15550000001', 1)
  expect(log.entries()).toMatchObject([
    { id: 'A', account: '15550000001', device: 1, direction: 'in', ...entry },
  ])
})

it('leaves out what has no id that matters', () => {
  const log = createWireLog()
  log.record('in', node('presence', { type: 'available' }), '15550000001', 1)
  log.record('in', node('iq', { id: 'A', type: 'get' }), '15550000001', 1)
  expect(log.entries()).toEqual([])
})

it('gives the ids that match, as often as they crossed', async () => {
  const log = createWireLog()
  const soon = log.until({ direction: 'out', id: 'B' })
  for (const id of ['A', 'B', 'A']) log.record('in', node('message', { id, to: bob }), '15550000001', 1)
  log.record('out', node('message', { id: 'B', from: bob, offline: 0 }), '15550000001', 1)
  expect(log.ids({ direction: 'in' })).toEqual(['A', 'B', 'A'])
  expect(log.ids({ id: 'A', direction: 'out' })).toEqual([])
  expect(await soon).toMatchObject({ peer: bob, offline: true })
})
