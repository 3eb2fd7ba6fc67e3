// The machine that answers queries: it looks a query up by type, namespace and first child in tables of handlers.
// What is answered stands in the tables, one per area; a new area is a new table.
import type { BinaryNode } from 'baileys'
import type { Account } from './account.ts'
import type { Companion } from './companion.ts'
import type { Connection } from './connection.ts'
import { child, node, SERVER } from './nodes.ts'

export interface UnpairedQuery {
  readonly connection: Connection
  readonly iq: BinaryNode
  /** The first child, which with type and namespace chose the handler. */
  readonly body: BinaryNode | undefined
}

export interface Query extends UnpairedQuery {
  readonly companion: Companion
  readonly account: Account
}

export interface Refusal {
  readonly refused: number
  readonly why: string
}

/** The content of the result; nothing for an empty result; or one of the less plain ways to answer. */
export type IqAnswer =
  | BinaryNode[]
  | Refusal
  /** An empty result, and then something that must not overtake it. */
  | { readonly afterwards: () => void | Promise<void> }
  | undefined
  // A handler without a return statement.
  | void

type Handler<Q> = (query: Q) => IqAnswer | Promise<IqAnswer>

/** Keys are `<type> <xmlns> <child>`, or less of it from the right: the longest that fits is taken. */
export type IqTable<Q = Query> = Readonly<Record<string, Handler<Q>>>

interface Deps {
  /** For connections that are being paired and have no account yet. */
  readonly unpaired: IqTable<UnpairedQuery>
  readonly paired: readonly IqTable[]
  /** Told of what no table knows; it is answered with an empty result all the same. */
  surprise(what: string): void
}

/** One table of several. Two areas that answer the same query are a mistake, and would hide one another. */
function join(tables: readonly IqTable[]): IqTable {
  const rows = tables.flatMap(table => Object.entries(table))
  const joined = Object.fromEntries(rows)
  if (Object.keys(joined).length < rows.length) throw new Error('two tables answer the same query')
  return joined
}

/** Makes the answering function. */
export function createIq({
  unpaired,
  paired,
  surprise,
}: Deps): (connection: Connection, iq: BinaryNode) => Promise<void> {
  const all = join(paired)

  function handlerIn<Q>(table: IqTable<Q>, iq: BinaryNode): Handler<Q> | undefined {
    const { type, xmlns } = iq.attrs
    const words = [type, xmlns, child(iq)?.tag].filter(word => word !== undefined)
    for (let length = words.length; length > 0; length--) {
      const found = table[words.slice(0, length).join(' ')]
      if (found) return found
    }
    return undefined
  }

  function handle(connection: Connection, iq: BinaryNode): ReturnType<Handler<Query>> {
    const { companion } = connection
    const query = { connection, iq, body: child(iq) }
    const handler = companion
      ? handlerIn(all, iq)?.bind(undefined, { ...query, companion, account: companion.account })
      : handlerIn(unpaired, iq)?.bind(undefined, query)
    if (handler) return handler()
    if (isQuestion(iq))
      surprise(`unknown query ${iq.attrs.type} ${iq.attrs.xmlns} <${query.body?.tag ?? ''}>`)
  }

  const isQuestion = ({ attrs }: BinaryNode) => attrs.type === 'get' || attrs.type === 'set'

  return async (connection, iq) => {
    const answer = await handle(connection, iq)
    const { id, to } = iq.attrs
    const reply = (type: string, content?: BinaryNode[]) =>
      void (isQuestion(iq) && connection.send(node('iq', { from: to ?? SERVER, type, id }, content)))
    if (answer === undefined) return reply('result')
    if (Array.isArray(answer)) return reply('result', answer)
    if ('refused' in answer)
      return reply('error', [node('error', { code: answer.refused, text: answer.why })])
    reply('result')
    await answer.afterwards()
  }
}
