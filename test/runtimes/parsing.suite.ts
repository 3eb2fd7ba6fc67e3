// What the API refuses before it understands it: sizes, types, broken and ambiguous bodies, bad ids and queries.

import { randomUUID } from 'node:crypto'
import { request } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, expect, it } from 'vitest'
import { ask } from '../support/api-client.ts'
import { type ApiUnderTest, BODY_LIMIT } from '../support/api-runtimes.ts'

export function parsingSuite(rig: () => ApiUnderTest): void {
  const create = (body: unknown, headers: Record<string, string> = {}) =>
    ask(rig(), 'POST', '/sessions', { body, headers })

  describe('bodies', () => {
    it.each<[string, unknown, string]>([
      ['nothing', undefined, 'name is required'],
      ['an empty object', {}, 'name is required'],
      ['a list', [], 'body must be a JSON object'],
      ['a text', '"name"', 'body must be a JSON object'],
      ['a number for a text', { name: 5 }, 'name must be a string'],
      ['a short text', { name: 'ab' }, 'name must be at least 3 characters'],
      ['a bad character', { name: 'a b c' }, 'name may hold only letters, digits and -'],
      ['an unknown property', { name: 'abc', role: 'admin' }, 'property role should not exist'],
      ['half a body', '{"name":', 'body is not valid JSON'],
      ['a byte order mark', '\ufeff{"name":"abc"}', 'body is not valid JSON'],
      ['a property twice', '{"name":"abc","name":"abd"}', 'body has the property "name" twice'],
      ['__proto__', '{"name":"abc","__proto__":{"x":1}}', 'body must not have a property __proto__'],
      ['NUL', '{"name":"a\\u0000bc"}', 'body must not contain NUL'],
      ['half a character', '{"name":"\\ud800abc"}', 'body contains half of a surrogate pair'],
      ['bytes that are not UTF-8', new Uint8Array([0x22, 0xc3, 0x22]), 'body is not valid UTF-8'],
      ['deep nesting', '['.repeat(20_000) + ']'.repeat(20_000), 'body is nested deeper than 32 levels'],
      ['a number without end', '{"name":1e999}', 'body has a number that is out of range: 1e999'],
    ])('refuses %s', async (_name, body, message) => {
      const answer = await create(body)
      expect(answer.status).toBe(400)
      expect(answer.body).toEqual({ statusCode: 400, message: [message], error: 'Bad Request' })
    })

    it('tells all faults of a body at once', async () => {
      const answer = await ask(rig(), 'POST', `/sessions/${randomUUID()}/messages/send-text`, {
        body: { chatId: 'nobody', extra: 1 },
      })
      expect(answer.body.message).toEqual([
        'chatId must look like 15550000001@c.us',
        'text is required',
        'property extra should not exist',
      ])
    })

    it.each([
      ['text/plain', 415],
      ['application/x-www-form-urlencoded', 415],
      ['application/json; charset=utf-7', 415],
      ['application/xml', 415],
      ['application/json; charset=utf-8', 400],
    ])('with the type %s: %i', async (type, status) => {
      expect((await create('{}', { 'content-type': type })).status).toBe(status)
    })

    it('refuses a compressed body', async () => {
      expect((await create('{}', { 'content-encoding': 'gzip' })).status).toBe(415)
    })

    it('takes the type of JSON with no body where none is needed', async () => {
      expect((await ask(rig(), 'POST', '/auth/validate')).status).toBe(200)
    })

    it('reads a body up to the limit, and not one byte more', async () => {
      const atLimit = `{"name":"${'x'.repeat(BODY_LIMIT - 11)}"}`
      expect((await create(atLimit)).status).toBe(400)
      expect((await create(`${atLimit} `)).status).toBe(413)
    })

    it('stops reading a body that does not say how long it is', async () => {
      const chunk = Buffer.alloc(64 * 1024, ' ')
      // Not by fetch: it goes on reading what it was to send once its connection is gone.
      const status = await new Promise<number | undefined>(done => {
        const sending = request(
          `${rig().baseUrl}/api/sessions`,
          {
            method: 'POST',
            agent: false,
            headers: { 'x-api-key': rig().adminKey, 'content-type': 'application/json' },
          },
          answer => {
            done(answer.statusCode)
            sending.destroy()
          },
        )
        pipeline(
          Readable.from(
            (function* () {
              for (;;) yield chunk
            })(),
          ),
          sending,
        ).catch(() => done(undefined))
      })
      // A server may close the connection under the client before the client has read the answer.
      if (status !== undefined) expect(status).toBe(413)
      expect((await ask(rig(), 'GET', '/health', { key: null })).status).toBe(200)
    })
  })

  describe('uploads', () => {
    const upload = (form: FormData) => ask(rig(), 'POST', '/plugins/install', { body: form })
    const formWith = (...parts: [string, Blob | string][]) => {
      const form = new FormData()
      for (const [name, value] of parts) form.append(name, value)
      return form
    }

    it.each<[string, () => FormData, number]>([
      ['no file', () => formWith(['other', 'x']), 400],
      ['a text for a file', () => formWith(['file', 'x']), 400],
      ['two files', () => formWith(['file', new Blob(['x'])], ['file', new Blob(['y'])]), 400],
      [
        'a thousand parts',
        () => formWith(...Array.from({ length: 1000 }, (): [string, string] => ['a', 'b'])),
        400,
      ],
      ['more than 5 MB', () => formWith(['file', new Blob([new Uint8Array(5 * 1024 * 1024 + 1)])]), 413],
    ])('refuses %s', async (_name, form, status) => {
      expect((await upload(form())).status).toBe(status)
    })

    it('does not read much more than 5 MB', async () => {
      const form = formWith(['file', new Blob([new Uint8Array(20 * 1024 * 1024)])])
      // A server may close the connection under a client that is still writing.
      const answer = await upload(form).catch(() => undefined)
      if (answer !== undefined) expect(answer.status).toBe(413)
      expect((await ask(rig(), 'GET', '/health', { key: null })).status).toBe(200)
    })

    it('hands 5 MB to the engine, which finds no plugin in them', async () => {
      const answer = await upload(formWith(['file', new Blob([new Uint8Array(5 * 1024 * 1024)])]))
      expect(answer.body).toEqual({
        statusCode: 400,
        message: 'The archive is not a plugin package',
        error: 'Bad Request',
        code: 'PACKAGE_INVALID',
      })
    })

    it.each(['application/json', 'multipart/form-data', 'multipart/form-data; boundary=x'])(
      'refuses a body of another kind, or a broken one: %s',
      async type => {
        const answer = await ask(rig(), 'POST', '/plugins/install', {
          body: '{}',
          headers: { 'content-type': type },
        })
        expect([400, 415]).toContain(answer.status)
      },
    )
  })

  describe('paths and queries', () => {
    it.each([
      'x',
      '..%2f..',
      '%252f',
      '-1',
      '1e3',
      '%F0%9F%98%80',
      'a'.repeat(2000),
      `${randomUUID()}x`,
      '%E0%A4%A',
    ])('an id that cannot be one names nothing: %#', async id => {
      const answer = await ask(rig(), 'GET', `/sessions/${id}`)
      expect(answer.status).toBe(404)
      expect(JSON.stringify(answer.body).length).toBeLessThan(300)
    })

    it('says which session it did not find', async () => {
      const id = randomUUID()
      expect((await ask(rig(), 'GET', `/sessions/${id}`)).body).toEqual({
        statusCode: 404,
        message: `Session with id '${id}' not found`,
        error: 'Not Found',
      })
    })

    it.each(['/sessions/%00', '/sessions?name=a%00b'])('refuses NUL in %s', async path => {
      expect((await ask(rig(), 'GET', path)).status).toBe(400)
    })

    it.each([
      'limit=0',
      'limit=-1',
      'limit=1e9',
      'limit=NaN',
      'limit=99999999999999999999',
      'limit=1&limit=2',
      'offset=-5',
      'other=1',
    ])('never refuses a page: %s', async query => {
      expect((await ask(rig(), 'GET', `/sessions?${query}`)).status).toBe(200)
    })

    it.each(['name=', 'name=a&name=b'])('refuses the filter %s', async query => {
      expect((await ask(rig(), 'GET', `/sessions?${query}`)).status).toBe(400)
    })

    it('answers 404 for what is no route', async () => {
      expect((await ask(rig(), 'GET', '/nothing')).body.message).toBe('Cannot GET /api/nothing')
      expect((await ask(rig(), 'PATCH', '/sessions')).status).toBe(404)
    })
  })
}
