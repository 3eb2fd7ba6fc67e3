import type { BinaryNode } from 'baileys'
import { expect, it } from 'vitest'
import type { Companion } from './companion.ts'
import type { Connection } from './connection.ts'
import { createIq, type IqTable } from './iq.ts'
import { node } from './nodes.ts'

/** Asks a table one thing and gives what was sent back, and what was a surprise. */
async function ask(table: IqTable, question: BinaryNode) {
  const sent: BinaryNode[] = []
  const surprises: string[] = []
  const connection = { companion: {} as Companion, send: (stanza: BinaryNode) => void sent.push(stanza) }
  const iq = createIq({ unpaired: {}, paired: [table], surprise: what => void surprises.push(what) })
  await iq(connection as Connection, question)
  return { sent, surprises }
}

const get = (xmlns: string, tag: string) => node('iq', { id: 1, type: 'get', xmlns }, [node(tag)])

it('takes the row that says most', async () => {
  const table: IqTable = {
    'get area': () => [node('general')],
    'get area thing': () => [node('exact')],
    'set area thing': () => [node('other')],
  }
  expect((await ask(table, get('area', 'thing'))).sent).toEqual([
    node('iq', { from: '@s.whatsapp.net', type: 'result', id: 1 }, [node('exact')]),
  ])
  expect((await ask(table, get('area', 'else'))).sent[0]?.content).toEqual([node('general')])
})

it('answers with an error when the row refuses', async () => {
  const { sent } = await ask({ 'get area': () => ({ refused: 404, why: 'none' }) }, get('area', 'thing'))
  expect(sent).toMatchObject([
    { attrs: { type: 'error' }, content: [{ attrs: { code: '404', text: 'none' } }] },
  ])
})

it('answers before it does what comes afterwards', async () => {
  const order: string[] = []
  const table: IqTable = { 'get area': () => ({ afterwards: () => void order.push('afterwards') }) }
  const { sent } = await ask(table, get('area', 'thing'))
  expect([...sent.map(({ attrs }) => attrs.type), ...order]).toEqual(['result', 'afterwards'])
})

it('answers what no row knows too, and says that it did', async () => {
  const { sent, surprises } = await ask({}, get('area', 'thing'))
  expect(sent).toMatchObject([{ attrs: { type: 'result' } }])
  expect(surprises).toEqual(['unknown query get area <thing>'])
})

it('does not let one table hide a row of another', () => {
  const table: IqTable = { 'get area': () => [] }
  expect(() => createIq({ unpaired: {}, paired: [table, { ...table }], surprise() {} })).toThrow('same query')
})

it('does not answer an answer', async () => {
  const { sent, surprises } = await ask({}, node('iq', { id: 1, type: 'result' }))
  expect([sent, surprises]).toEqual([[], []])
})
