// What the gateway keeps for its users and sends for them later: templates, automation rules, bulk and scheduled sends.
import { randomUUID } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { type Asked, ask } from '../support/api-client.ts'
import type { ApiUnderTest } from '../support/api-runtimes.ts'

const CHAT = '15550000001@c.us'
const HOUR = 60 * 60_000

export function laterSuite(rig: () => ApiUnderTest): void {
  const call = async (method: string, path: string, asked?: Asked) => await ask(rig(), method, path, asked)
  async function newSession() {
    const { body } = await call('POST', '/sessions', { body: { name: `s-${randomUUID()}`.slice(0, 30) } })
    await call('POST', `/sessions/${body.id}/start`)
    return `/sessions/${body.id}`
  }

  describe('templates', () => {
    it('are saved, listed, changed and deleted without an engine', async () => {
      const session = await newSession()
      await rig().control.engineAway()
      try {
        const made = await call('POST', `${session}/templates`, {
          body: { name: 'order', body: 'Hi {{name}}', footer: 'bye' },
        })
        expect(made.body).toMatchObject({ name: 'order', header: null, footer: 'bye' })
        const path = `${session}/templates/${made.body.id}`
        const twin = await call('POST', `${session}/templates`, { body: { name: 'order', body: 'x' } })
        expect(twin).toMatchObject({ status: 409, body: { code: 'TEMPLATE_NAME_TAKEN' } })
        expect((await call('GET', `${session}/templates`)).body).toEqual([made.body])
        const changed = await call('PUT', path, { body: { header: 'Shop', footer: null } })
        expect(changed.body).toMatchObject({
          name: 'order',
          header: 'Shop',
          body: 'Hi {{name}}',
          footer: null,
        })
        expect((await call('GET', path)).body).toEqual(changed.body)
        expect((await call('PUT', path, { body: { body: null } })).status).toBe(400)
        expect((await call('DELETE', path)).status).toBe(204)
        expect(await call('GET', path)).toMatchObject({
          status: 404,
          body: { message: `Template with id '${made.body.id}' not found` },
        })
      } finally {
        await rig().control.engineBack()
      }
    })

    it('belong to their session', async () => {
      const [mine, other] = [await newSession(), await newSession()]
      const { body } = await call('POST', `${mine}/templates`, { body: { name: 'a', body: 'b' } })
      for (const method of ['GET', 'PUT', 'DELETE'])
        expect(
          (await call(method, `${other}/templates/${body.id}`, method === 'PUT' ? { body: {} } : {})).status,
        ).toBe(404)
      expect((await call('GET', `/sessions/${randomUUID()}/templates`)).status).toBe(404)
      const send = { chatId: CHAT, templateId: body.id }
      expect((await call('POST', `${other}/messages/send-template`, { body: send })).status).toBe(404)
    })

    it('are sent filled in, by id or by name', async () => {
      const session = await newSession()
      const template = { name: 'hi', header: 'Shop', body: 'Hi {{name}}, {{lack}}', footer: '{{name}}' }
      const { body } = await call('POST', `${session}/templates`, { body: template })
      for (const by of [{ templateId: body.id }, { templateName: 'hi' }]) {
        const sent = await call('POST', `${session}/messages/send-template`, {
          body: { chatId: CHAT, ...by, vars: { name: 'Ada' } },
        })
        expect(sent.status).toBe(201)
        const stored = await call('GET', `${session}/messages?messageId=${sent.body.messageId}`)
        expect(stored.body.messages[0].body).toBe('Shop\n\nHi Ada, {{lack}}\n\nAda')
      }
      const long = await call('POST', `${session}/templates`, {
        body: { name: 'long', body: '{{a}}'.repeat(100) },
      })
      const tooLong = { chatId: CHAT, templateId: long.body.id, vars: { a: 'x'.repeat(4_000) } }
      expect((await call('POST', `${session}/messages/send-template`, { body: tooLong })).status).toBe(400)
    })
  })

  describe('automation rules', () => {
    it('are made, listed in their order, changed and deleted', async () => {
      const session = await newSession()
      const path = `${session}/automation-rules`
      const conditions = { conditions: [{ field: 'body', operator: 'contains', value: 'hi' }] }
      const first = await call('POST', path, { body: { name: 'a', replyText: 'hello', conditions } })
      expect(first.body).toMatchObject({ enabled: true, cooldownSeconds: 60, conditions })
      const second = await call('POST', path, { body: { name: 'b', replyText: 'x', cooldownSeconds: 0 } })
      expect((await call('GET', path)).body).toEqual([first.body, second.body])
      const changed = await call('PUT', `${path}/${first.body.id}`, {
        body: { enabled: false, conditions: null },
      })
      expect(changed.body).toMatchObject({ name: 'a', enabled: false, conditions: null })
      expect((await call('GET', `${path}/${first.body.id}`)).body).toEqual(changed.body)
      expect((await call('DELETE', `${path}/${first.body.id}`)).status).toBe(204)
      expect(await call('GET', `${path}/${first.body.id}`)).toMatchObject({
        status: 404,
        body: { message: `Automation rule ${first.body.id} not found` },
      })
      const bad = [{ name: '' }, { cooldownSeconds: 86_401 }, { replyText: null }, { conditions: {} }]
      for (const body of bad)
        expect((await call('PUT', `${path}/${second.body.id}`, { body })).status).toBe(400)
    })
  })

  describe('bulk sends', () => {
    const item = (text: string) => ({ chatId: CHAT, type: 'text', content: { text } })

    it('are taken in, looked at and cancelled', async () => {
      const session = await newSession()
      const taken = await call('POST', `${session}/messages/send-bulk`, {
        body: { batchId: 'spring', messages: [item('a'), item('b'), item('a')] },
      })
      const statusUrl = `/api${session}/messages/batch/spring`
      expect(taken).toMatchObject({
        status: 202,
        body: { batchId: 'spring', status: 'pending', totalMessages: 2, statusUrl },
      })
      const batch = `${session}/messages/batch/spring`
      const pending = { chatId: CHAT, status: 'pending' }
      expect((await call('GET', batch)).body).toEqual({
        batchId: 'spring',
        status: 'pending',
        progress: { total: 2, sent: 0, failed: 0, pending: 2, cancelled: 0 },
        results: [pending, pending],
        startedAt: null,
        completedAt: null,
      })
      expect((await call('POST', `${batch}/cancel`)).body).toMatchObject({
        status: 'cancelled',
        progress: { cancelled: 2 },
      })
      expect(await call('POST', `${batch}/cancel`)).toMatchObject({
        status: 400,
        body: { code: 'BATCH_ENDED' },
      })
      expect((await call('GET', `${session}/messages/batch/other`)).status).toBe(404)
    })

    it.each([
      ['none', { messages: [] }],
      ['too many', { messages: Array.from({ length: 101 }, (_, index) => item(`${index}`)) }],
      ['a name that is a path', { batchId: '..', messages: [item('a')] }],
      ['a type without its content', { messages: [{ ...item('a'), type: 'image' }] }],
      ['a delay that is too short', { messages: [item('a')], options: { delayBetweenMessages: 999 } }],
      ['an unknown option', { messages: [item('a')], options: { speed: 1 } }],
    ])('are refused with %s', async (_what, body) => {
      expect((await call('POST', `${await newSession()}/messages/send-bulk`, { body })).status).toBe(400)
    })
  })

  describe('sends with sendAt', () => {
    it.each([
      ['send-text', { text: 'a' }],
      ['reply', { text: 'a', quotedMessageId: 'M' }],
    ])('%s is kept, listed, and cancelled', async (row, message) => {
      const session = await newSession()
      const at = new Date(Date.now() + HOUR).toISOString()
      const kept = await call('POST', `${session}/messages/${row}`, {
        body: { chatId: CHAT, ...message, sendAt: at },
      })
      expect(kept).toMatchObject({ status: 202, body: { chatId: CHAT, sendAt: at, status: 'waiting' } })
      const { statusUrl, jobId, ...rest } = kept.body
      expect(statusUrl).toBe(`/api${session}/scheduled/${jobId}`)
      expect((await call('GET', `${session}/scheduled?status=waiting`)).body).toEqual([{ jobId, ...rest }])
      expect((await call('GET', `${session}/messages`)).body.total).toBe(0)
      expect((await call('DELETE', `${session}/scheduled/${jobId}`)).status).toBe(204)
      expect((await call('GET', `${session}/scheduled/${jobId}`)).body.status).toBe('cancelled')
      expect(await call('DELETE', `${session}/scheduled/${jobId}`)).toMatchObject({
        status: 409,
        body: { code: 'JOB_NOT_WAITING' },
      })
    })

    it('are kept once under one key', async () => {
      const session = await newSession()
      const sendAt = Date.now() + HOUR
      const ask = (text: string) =>
        call('POST', `${session}/messages/send-text`, {
          body: { chatId: CHAT, text, sendAt },
          headers: { 'idempotency-key': 'k' },
        })
      const [first, second] = [await ask('a'), await ask('a')]
      expect(second.body).toEqual(first.body)
      expect(second.headers.get('idempotent-replayed')).toBe('true')
      expect((await ask('b')).status).toBe(422)
    })

    it.each([
      ['the past', Date.now() - HOUR],
      ['more than a year', Date.now() + 367 * 24 * HOUR],
      ['a date without a zone', '2030-01-31T08:00:00'],
      ['seconds', Math.floor(Date.now() / 1_000) + 3_600],
      ['no date', 'tomorrow'],
    ])('are refused for %s', async (_what, sendAt) => {
      const body = { chatId: CHAT, text: 'a', sendAt }
      expect((await call('POST', `${await newSession()}/messages/send-text`, { body })).status).toBe(400)
    })
  })
}
