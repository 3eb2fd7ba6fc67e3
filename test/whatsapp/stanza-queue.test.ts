import { describe, expect, it } from 'vitest'
import { node } from './nodes.ts'
import { createStanzaQueue } from './stanza-queue.ts'

const bob = '15550000002@s.whatsapp.net'
const eve = '15550000003@s.whatsapp.net'
const message = (id: string, from = bob) => node('message', { id, from, type: 'text' })
const receipt = (id: string, attrs = {}) => node('receipt', { id, to: bob, ...attrs })
const ack = (id: string, attrs = {}) => node('ack', { id, to: bob, class: 'message', type: 'text', ...attrs })

function queueOf(...stanzas: ReturnType<typeof node>[]) {
  const queue = createStanzaQueue()
  for (const stanza of stanzas) queue.add(stanza)
  return queue
}

describe('createStanzaQueue', () => {
  it('keeps what is not acknowledged, oldest first', () => {
    const queue = queueOf(message('A'), message('B'), message('C'))
    queue.settle(receipt('B'))
    expect(queue.waiting.map(({ attrs }) => attrs.id)).toEqual(['A', 'C'])
  })

  it.each([
    ['a receipt', receipt('A'), []],
    ['a receipt of any type but retry', receipt('A', { type: 'inactive' }), []],
    [
      'a receipt that lists it among others',
      node('receipt', { id: 'Z', to: bob }, [node('list', {}, [node('item', { id: 'A' })])]),
      [],
    ],
    ['an ack', ack('A'), []],
    ['a nack', ack('A', { error: 487 }), []],
    ['a retry receipt', receipt('A', { type: 'retry' }), ['A']],
    ["a receipt for another's message with this id", receipt('A', { to: eve }), ['A']],
    ['an ack for a receipt with this id', ack('A', { class: 'receipt' }), ['A']],
  ])('a message after %s', (_what, answer, left) => {
    const queue = queueOf(message('A'))
    queue.settle(answer)
    expect(queue.waiting.map(({ attrs }) => attrs.id)).toEqual(left)
  })

  it('tells the members of a group apart', () => {
    const team = '120363000000000001@g.us'
    const read = (participant: string) => node('receipt', { id: 'A', from: team, participant, type: 'read' })
    const queue = queueOf(read(bob), read(eve))
    expect(queue.waiting).toHaveLength(2)
    queue.settle(node('ack', { id: 'A', to: team, participant: eve, class: 'receipt', type: 'read' }))
    expect(queue.waiting.map(({ attrs }) => attrs.participant)).toEqual([bob])
  })

  it.each([
    ['of its writer', bob, []],
    ['of another writer', eve, ['A']],
  ])('a message in a group after the receipt for that %s', (_what, participant, left) => {
    const team = '120363000000000001@g.us'
    const queue = queueOf(node('message', { id: 'A', from: team, participant: bob, type: 'text' }))
    queue.settle(node('receipt', { id: 'A', to: team, participant }))
    expect(queue.waiting.map(({ attrs }) => attrs.id)).toEqual(left)
  })

  it('tells two senders with one id apart', () => {
    const queue = queueOf(message('A', bob), message('A', eve))
    queue.settle(receipt('A', { to: eve }))
    expect(queue.waiting.map(({ attrs }) => attrs.from)).toEqual([bob])
  })

  it('settles what was typed on the phone by the chat that the receipt names', () => {
    const queue = queueOf(node('message', { id: 'A', from: eve, recipient: bob }))
    queue.settle(node('receipt', { id: 'A', type: 'sender', recipient: bob }))
    expect(queue.waiting).toEqual([])
  })

  it('tells the delivered and the read receipt of one message apart', () => {
    const queue = queueOf(
      node('receipt', { id: 'A', from: bob }),
      node('receipt', { id: 'A', from: bob, type: 'read' }),
    )
    queue.settle(node('ack', { id: 'A', class: 'receipt', to: bob, type: 'read' }))
    expect(queue.waiting.map(({ attrs }) => attrs.type)).toEqual([undefined])
  })

  it('keeps the second copy of a message when the nack for the first comes late', () => {
    const queue = queueOf(message('A'))
    queue.settle(receipt('A', { type: 'retry' }))
    queue.add(message('A'), { afterRetry: true })
    queue.settle(ack('A', { error: 500 }))
    expect(queue.waiting).toHaveLength(1)
    queue.settle(receipt('A'))
    expect(queue.waiting).toEqual([])
  })

  it('keeps the second time that a message is asked for when the ack for the first comes late', () => {
    const asked = (count: number) =>
      node('receipt', { id: 'A', from: bob, type: 'retry' }, [node('retry', { count })])
    const queue = queueOf(asked(1), asked(2))
    const acked = ack('A', { class: 'receipt', type: 'retry' })
    queue.settle(acked)
    expect(queue.waiting).toEqual([asked(2)])
    queue.settle(acked)
    expect(queue.waiting).toEqual([])
  })
})
