// What must be true of a gateway after whatever was done to it: of its database, held against what its clients and WhatsApp have
// seen. Each check gives the faults that it has found, so that one run shows all of them.
import type { FaultyGateway } from './faulty-gateway.ts'

/** How a message begins that a plugin is to answer, and how its answer does: with this, and then the question. */
export const QUESTION = 'question '
export const ANSWER = 'answer to '

interface Row {
  session_id: string
  wa_message_id: string
  body: string | null
  direction: string
  status: string
}

/** What a check can find broken. */
export const invariants = {
  I1: 'an accepted send is sent or has failed, and a sent one was read by all whom it was for',
  I2: 'a key leads to one message at most',
  I3: 'what went out is known under the id that it went out with',
  I4: 'a message is stored once',
  I5: 'what WhatsApp has the receipt for is stored',
  I6: 'a message has one event',
  I8: 'the database can be read',
} as const

export interface Fault {
  invariant: keyof typeof invariants
  what: string
}

const rowsOf = ({ query, accounts }: FaultyGateway): Row[] => {
  const ours = accounts.map(({ sessionId }) => `'${sessionId}'`).join(', ')
  return query(
    `SELECT session_id, wa_message_id, body, direction, status FROM messages WHERE session_id IN (${ours}) ORDER BY id`,
  ) as unknown as Row[]
}

function times(values: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return counts
}

/**
 * True at every moment, also of what a kill has left: what WhatsApp has the receipt for is in the database, what it has seen
 * of ours has its row, and the database is whole.
 */
export function lastingFaults(faulty: FaultyGateway): Fault[] {
  const { query, accounts, whatsapp, written } = faulty
  const faults: Fault[] = []
  const stored = times(rowsOf(faulty).map(row => `${row.session_id} ${row.direction} ${row.wa_message_id}`))
  for (const { sessionId, phone } of accounts) {
    const account = phone.pn
    const receipted = new Set(whatsapp.log.ids({ kind: 'receipt', direction: 'in', account }))
    for (const { id, text } of written.filter(each => each.account.sessionId === sessionId))
      if (receipted.has(id) && !stored.has(`${sessionId} incoming ${id}`))
        faults.push({ invariant: 'I5', what: `"${text}" (${id}) is receipted and not stored` })
    for (const id of new Set(whatsapp.log.ids({ kind: 'message', direction: 'in', account })))
      if (!stored.has(`${sessionId} outgoing ${id}`))
        faults.push({ invariant: 'I3', what: `${id} went out and is not in the database` })
  }
  for (const [name, count] of stored)
    if (count > 1) faults.push({ invariant: 'I4', what: `${name} is stored ${count} times` })
  const [check] = query('PRAGMA integrity_check')
  if (check?.integrity_check !== 'ok') faults.push({ invariant: 'I8', what: JSON.stringify(check) })
  return faults
}

/** True once the gateway runs again and nothing waits any more. */
export function settledFaults(faulty: FaultyGateway): Fault[] {
  const rows = rowsOf(faulty)
  const events = faulty.query(`SELECT event || ' ' || json_extract(data, '$.id') AS name FROM events`)
  const history = { rows, events: times(events.map(({ name }) => String(name))) }
  return [...lastingFaults(faulty), ...inboundFaults(faulty, history), ...outboundFaults(faulty, history)]
}

interface History {
  rows: Row[]
  events: Map<string, number>
}

function inboundFaults({ written }: FaultyGateway, { rows, events }: History): Fault[] {
  const bodies = times(rows.map(({ direction, body }) => `${direction} ${body}`))
  const ids = new Map(rows.map(row => [`${row.direction} ${row.wa_message_id}`, row]))
  return written.flatMap(({ id, text }): Fault[] => {
    const count = bodies.get(`incoming ${text}`) ?? 0
    const told = events.get(`message.received ${id}`) ?? 0
    return [
      ...(ids.get(`incoming ${id}`)?.body === text
        ? []
        : [{ invariant: 'I5' as const, what: `"${text}" (${id}) is lost` }]),
      ...(count <= 1 ? [] : [{ invariant: 'I4' as const, what: `"${text}" is stored ${count} times` }]),
      ...(told === 1 ? [] : [{ invariant: 'I6' as const, what: `"${text}" has ${told} events` }]),
    ]
  })
}

function outboundFaults(faulty: FaultyGateway, { rows, events }: History): Fault[] {
  const { accepted, contacts } = faulty
  const faults = unread(faulty).map((what): Fault => ({ invariant: 'I1', what }))
  const byId = new Map(rows.map(row => [`${row.direction} ${row.wa_message_id}`, row]))
  const arrived = contacts.flatMap(({ inbox }) => inbox)
  for (const { text, messageId } of accepted) {
    const name = `"${text}" (${messageId})`
    const status = byId.get(`outgoing ${messageId}`)?.status ?? 'gone'
    if (!['sent', 'delivered', 'read'].includes(status))
      faults.push({ invariant: 'I1', what: `${name} was accepted and is ${status}` })
    const told = events.get(`message.sent ${messageId}`) ?? 0
    if (told !== 1) faults.push({ invariant: 'I6', what: `${name} has ${told} events` })
  }
  const ids = Map.groupBy(
    [...arrived, ...accepted.map(({ text, messageId }) => ({ text, id: messageId }))],
    ({ text }) => text,
  )
  for (const [text, messages] of ids) {
    // What plugins send has no key: a hook that was cut off by a kill is called again.
    if (text.startsWith(ANSWER)) continue
    const different = new Set(messages.map(({ id }) => id))
    if (different.size > 1)
      faults.push({ invariant: 'I2', what: `"${text}" has the ids ${[...different].join(' and ')}` })
  }
  return faults
}

/** What was accepted and somebody whom it is for cannot read: of a group, each of its members must. */
export function unread({ accepted, contacts }: FaultyGateway): string[] {
  const read = new Map(contacts.map(contact => [contact, new Set(contact.inbox.map(({ id }) => id))]))
  return accepted.flatMap(({ text, messageId, readers }) =>
    readers
      .filter(reader => !read.get(reader)?.has(messageId))
      .map(({ name }) => `"${text}" (${messageId}) was accepted and ${name} has not read it`),
  )
}

/** How many messages reached a phone more than once, under one id: allowed, since phones drop the copy. */
export const copies = ({ contacts }: FaultyGateway): number =>
  contacts.flatMap(({ inbox }) => [...times(inbox.map(({ id }) => id)).values()]).filter(count => count > 1)
    .length

/** What plugins were asked and have not answered. */
export function unanswered({ contacts, written }: FaultyGateway): string[] {
  const answered = new Set(contacts.flatMap(({ inbox }) => inbox.map(({ text }) => text)))
  return written
    .map(({ text }) => text)
    .filter(text => text.startsWith(QUESTION) && !answered.has(ANSWER + text))
}
