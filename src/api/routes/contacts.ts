// Contacts (REST spec, section 4): people are read from the database; pictures, blocks and whether a number has WhatsApp are
// asked of WhatsApp.
import * as v from 'valibot'
import { isPhoneId, userOf } from '../../contract/chat-id.ts'
import { Contact, NumberCheck } from '../../contract/directory.ts'
import { GatewayError } from '../../contract/errors.ts'
import { ChatId } from '../../contract/ids.ts'
import { findContact, listContacts } from '../../db/directory/people.ts'
import { toContact } from '../../db/directory/views.ts'
import { type Route, route } from '../route.ts'
import { pathId } from '../validate.ts'
import { ListPage, requireSession } from './chats.ts'
import { BySession } from './sessions.ts'

const noContact = (id: string) => `Contact ${id} not found`
const ByContact = v.object({ ...BySession.entries, contactId: pathId(ChatId, noContact) })

/** Pictures in one answer: each is a question to WhatsApp. */
const MAX_PICTURES = 50
/** Questions that are under way at a time. */
const AT_ONCE = 5

const Ids = v.object({
  ids: v.pipe(
    v.string('must be given once, with commas between ids'),
    v.maxLength(10_000, 'is too long'),
    v.transform(text => text.split(',').filter(id => id !== '')),
    v.transform(ids => [...new Set(ids)].slice(0, MAX_PICTURES)),
    v.array(ChatId),
  ),
})

const Url = v.strictObject({ url: v.nullable(v.string()) })

export const contactRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/sessions/:sid/contacts',
    summary: 'List the people that the account knows, by name',
    role: 'viewer',
    params: BySession,
    query: ListPage,
    filtersChats: true,
    status: 200,
    result: v.array(Contact),
    async handle({ params: { sid }, query, key }, { db }) {
      await requireSession(db, sid)
      const rows = await listContacts(db, sid, { ...query, only: key?.allowedChats ?? null })
      return rows.map(toContact).filter(contact => contact !== null)
    },
  }),
  route({
    method: 'GET',
    path: '/sessions/:sid/contacts/blocked',
    summary: 'List the ids of those that the account has blocked',
    role: 'viewer',
    params: BySession,
    status: 200,
    result: v.array(v.string()),
    handle: ({ params: { sid } }, { engine }) => engine.call('contact.blocked', { sessionId: sid }),
  }),
  route({
    method: 'GET',
    path: '/sessions/:sid/contacts/check/:number',
    summary: 'Ask whether a phone number has WhatsApp',
    role: 'operator',
    params: v.object({ ...BySession.entries, number: v.pipe(v.string(), v.maxLength(64)) }),
    status: 200,
    result: NumberCheck,
    handle: ({ params: { sid, number } }, { engine }) =>
      engine.call('contact.check', { sessionId: sid, number }),
  }),
  route({
    method: 'GET',
    path: '/sessions/:sid/contacts/profile-pictures',
    summary: 'Get the addresses of the pictures of up to 50 people or groups',
    role: 'viewer',
    params: BySession,
    query: Ids,
    chats: ({ query }) => query.ids,
    status: 200,
    result: v.strictObject({ pictures: v.record(v.string(), v.nullable(v.string())) }),
    async handle({ params: { sid }, query: { ids } }, { engine }) {
      const pictures: Record<string, string | null> = {}
      const left = [...ids]
      const work = async () => {
        for (let id = left.shift(); id !== undefined; id = left.shift())
          pictures[id] = (await engine.call('picture.url', { sessionId: sid, id })).url
      }
      await Promise.all(Array.from({ length: AT_ONCE }, work))
      return { pictures }
    },
  }),
  route({
    method: 'GET',
    path: '/sessions/:sid/contacts/:contactId',
    summary: 'Get one person, by phone id or lid',
    role: 'viewer',
    params: ByContact,
    chats: ({ params }) => [params.contactId],
    status: 200,
    result: Contact,
    async handle({ params: { sid, contactId } }, { db }) {
      await requireSession(db, sid)
      const row = await findContact(db, sid, contactId)
      const contact = row && toContact(row)
      if (contact === null) throw new GatewayError('not_found', noContact(contactId))
      return contact
    },
  }),
  route({
    method: 'GET',
    path: '/sessions/:sid/contacts/:contactId/profile-picture',
    summary: 'Get the address of a picture',
    role: 'viewer',
    params: ByContact,
    chats: ({ params }) => [params.contactId],
    status: 200,
    result: Url,
    handle: ({ params: { sid, contactId } }, { engine }) =>
      engine.call('picture.url', { sessionId: sid, id: contactId }),
  }),
  route({
    method: 'GET',
    path: '/sessions/:sid/contacts/:contactId/phone',
    summary: 'Get the phone number of a person, where it is known',
    role: 'viewer',
    params: ByContact,
    chats: ({ params }) => [params.contactId],
    status: 200,
    result: v.strictObject({ contactId: v.string(), phone: v.nullable(v.string()) }),
    async handle({ params: { sid, contactId } }, { db }) {
      await requireSession(db, sid)
      const row = await findContact(db, sid, contactId)
      const phoneId = row?.phoneId ?? (isPhoneId(contactId) ? contactId : null)
      return { contactId, phone: phoneId && userOf(phoneId) }
    },
  }),
]
