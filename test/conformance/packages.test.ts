// The conformance suite over our own plugins as they are packed, and over fixtures that lean on what plugins of others do.
import { createHmac, createVerify, generateKeyPairSync } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import JSZip from 'jszip'
import { pino } from 'pino'
import { expect, vi } from 'vitest'
import { LOG_LINE_CHARS, LOG_LINES } from '../../engine-node/guest/line-budget.ts'
import { createIngressPipeline } from '../../engine-node/ingress/pipeline.ts'
import type { FakeRequest } from '../../engine-node/test-host/test-fetch.ts'
import type { TestHost } from '../../engine-node/test-host/test-host.ts'
import { packPlugin } from '../../scripts/pack.ts'
import { MAX_CALLS_IN_FLIGHT } from '../../src/contract/capabilities.ts'
import { readIngress } from '../../src/contract/ingress.ts'
import { MAX_FETCHES } from '../../src/contract/plugin-fetch.ts'
import { describePackage } from './plugin.suite.ts'

const root = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const own = (id: string) => async () => (await packPlugin(root(`plugins/${id}`))).bytes

/** A folder as it is, stored without compression as official packages are, in a folder of its own. */
const fixture = (id: string) => async () => {
  const folder = root(`test/fixtures/plugins/${id}`)
  const zip = new JSZip()
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath, entry.name)
    zip.file(`${id}/${relative(folder, path)}`, readFileSync(path), { createFolders: false })
  }
  return await zip.generateAsync({ type: 'uint8array', compression: 'STORE' })
}

const manifestOf = (id: string) =>
  JSON.parse(readFileSync(root(`test/fixtures/plugins/${id}/manifest.json`), 'utf8'))
const BOB = '15550000002@c.us'

/** The real way in for webhooks, with the plugin's handler at its end. */
function openIngress(host: TestHost, id: string, secret: string, isAlive = true) {
  const { routes } = readIngress(manifestOf(id), { allowUnsigned: false })
  const seen = new Set<string>()
  const instance = { row: { enabled: true, sessionScope: host.session }, routes, secret, verifyToken: '' }
  const { receive } = createIngressPipeline({
    instances: { open: async () => ({ ...instance, pluginEnabled: true, configSchema: null }) as never },
    async add({ route, deliveryId, request, sessionId }) {
      if (seen.has(deliveryId)) return 'known'
      seen.add(deliveryId)
      const { rawBody, ...rest } = request
      await host.webhook(route, {
        ...rest,
        body: rawBody,
        rawBody,
        deliveryId,
        ...(sessionId === null ? {} : { sessionId }),
      })
      return 'new'
    },
    isSessionAlive: () => isAlive,
    log: pino({ level: 'silent' }),
    now: Date.now,
    settings: {
      ipLimit: 100,
      instanceLimit: 100,
      windowMs: 60_000,
      toleranceSec: 300,
      dedupDays: 7,
      allowUnsigned: false,
    },
  })
  return (route: string, body: string, headers: Record<string, string>) =>
    receive({
      pluginId: id,
      instanceId: 'main',
      route,
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      query: {},
      rawBody: Buffer.from(body).toString('base64'),
      clientIp: '203.0.113.7',
    })
}

describePackage({
  name: 'wharf-auto-reply',
  archive: own('wharf-auto-reply'),
  scenarios: {
    async 'quotes the question in its answer'(start) {
      const host = await start()
      await host.receive({ body: 'HELP' })
      expect(host.sent).toMatchObject([{ type: 'reply', quotedMessageId: 'IN1' }])
    },
  },
})

describePackage({
  name: 'wharf-translation',
  archive: own('wharf-translation'),
  scenarios: {
    async 'translates after its hook has answered'(start) {
      const server = () => ({
        body: '{"translatedText":"Good day","detectedLanguage":{"language":"de"}}',
      })
      const host = await start({ config: { language: 'en' }, server })
      await host.receive({ body: 'Guten Tag' })
      await vi.waitFor(() => expect(host.sent).toMatchObject([{ text: 'Good day' }]))
    },
  },
})

describePackage({
  name: 'wharf-webhook-relay',
  archive: own('wharf-webhook-relay'),
  world: { config: { chatId: BOB } },
  scenarios: {
    async 'sends what a webhook says'(start) {
      const host = await start()
      await host.webhook('message', { body: { text: 'Fire' }, sessionId: host.session })
      expect(host.sent).toMatchObject([{ chatId: BOB, text: 'Fire' }])
    },
  },
})

describePackage({
  name: 'wharf-moderation',
  archive: own('wharf-moderation'),
  scenarios: {
    async 'stands between a client and WhatsApp'(start) {
      const host = await start({ config: { words: [{ text: 'darn' }] } })
      await host.send({ text: 'fine' })
      await expect(host.send({ text: 'Darn!' })).rejects.toMatchObject({ code: 'sending_blocked' })
      expect(host.sent).toHaveLength(1)
    },
  },
})

const desk = {
  config: { baseUrl: 'https://desk.example:8443', token: 's3cret' },
  server: (): { body: string } => ({ body: '{"id":"conv-1"}' }),
}
describePackage({
  name: 'a bundle that talks to a helpdesk',
  archive: fixture('helpdesk'),
  world: desk,
  scenarios: {
    async 'signs what it sends, and maps a chat under an instance that nobody made'(start) {
      const asked: FakeRequest[] = []
      const host = await start({
        server(request) {
          asked.push(request)
          return desk.server()
        },
      })
      await host.receive({ body: 'my order?' })
      await vi.waitFor(() => expect(host.storage.get(`seen:cw:${BOB}`)).toEqual({ at: expect.any(Number) }))
      const sign = createHmac('sha256', 's3cret')
        .update(asked[0]?.text ?? '')
        .digest('hex')
      expect(asked).toMatchObject([
        { url: 'https://desk.example:8443/messages', headers: { 'x-sign': sign } },
      ])
      expect(host.mappings).toMatchObject([
        { chatId: BOB, providerConversationId: 'conv-1', handoverState: 'bot', instanceId: host.session },
      ])
    },
    async 'answers by a signed webhook once, and knows the echo of its own message'(start) {
      const host = await start()
      await host.receive({ body: 'my order?' })
      await vi.waitFor(() => expect(host.mappings).toHaveLength(1))
      const post = openIngress(host, 'helpdesk', 'desk-secret-of-the-test')
      const body = JSON.stringify({
        conversation: { id: 'conv-1' },
        text: 'It is on its way',
        state: 'human',
      })
      const timestamp = String(Math.floor(Date.now() / 1_000))
      const sign = createHmac('sha256', 'desk-secret-of-the-test')
        .update(`${timestamp}.${body}`)
        .digest('hex')
      const headers = {
        'x-desk-signature': `sha256=${sign}`,
        'x-desk-timestamp': timestamp,
        'x-desk-delivery': 'd1',
      }
      expect(await post('desk', body, { ...headers, 'x-desk-timestamp': '1' })).toMatchObject({ status: 401 })
      for (let times = 0; times < 2; times += 1)
        expect(await post('desk', body, headers)).toMatchObject({ status: 202, body: 'accepted' })
      expect(host.sent).toMatchObject([{ chatId: BOB, text: 'It is on its way' }])
      expect(host.mappings).toMatchObject([{ handoverState: 'human' }])
      const [{ messageId = '' } = {}] = host.sent
      const echo = (id: string) =>
        host.fire('message:sent', {
          id,
          from: '15550000001@c.us',
          to: BOB,
          chatId: BOB,
          body: 'x',
          type: 'text',
          timestamp: 1,
          fromMe: true,
          isGroup: false,
          kind: 'individual',
        })
      await echo(messageId)
      expect(host.storage.has('echoed')).toBe(false)
      await echo('TYPED-ON-THE-PHONE')
      expect(host.storage.get('echoed')).toBe('TYPED-ON-THE-PHONE')
    },
    async 'keeps its secret when the mask comes back'(start) {
      const signs: (string | undefined)[] = []
      const host = await start({
        server({ headers }) {
          signs.push(headers['x-sign'])
          return desk.server()
        },
      })
      await host.receive({ id: 'A', body: 'x' })
      await host.configure({ token: '***' })
      await host.receive({ id: 'A', body: 'x' })
      await host.configure({ token: 'another' })
      await host.receive({ id: 'A', body: 'x' })
      await vi.waitFor(() => expect(signs).toHaveLength(3))
      expect(signs[1]).toBe(signs[0])
      expect(signs[2]).not.toBe(signs[0])
    },
    async 'reaches the host of its configuration and no other'(start) {
      const host = await start({ config: { ...desk.config, baseUrl: 'http://desk.example' } })
      await host.receive({ body: 'x' })
      await vi.waitFor(() =>
        expect(host.log.at(-1)?.message).toContain('may not fetch http://desk.example/messages'),
      )
    },
  },
})

const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 })
const sheet = {
  config: { privateKey: rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() },
}
describePackage({
  name: 'a log that writes from a timer',
  archive: fixture('sheet-log'),
  world: sheet,
  scenarios: {
    async 'tells of every kind of event with the fields that it reads, by a token that it signed'(start) {
      const rows: unknown[][] = []
      const host = await start({
        server({ url, text, headers }) {
          if (url === 'https://token.example/') {
            const [head, claims, signature] = (new URLSearchParams(text).get('assertion') ?? '').split('.')
            const holds = createVerify('RSA-SHA256')
              .update(`${head}.${claims}`)
              .verify(rsa.publicKey, signature ?? '', 'base64url')
            return holds ? { body: '{"access_token":"granted"}' } : { status: 401 }
          }
          expect([url, headers.authorization]).toEqual(['https://sheets.example/Log', 'Bearer granted'])
          rows.push(...(JSON.parse(text) as unknown[][]))
          return {}
        },
      })
      const { data } = await host.receive({ body: 'hello' })
      await host.fire('message:sent', { ...data, id: 'OUT', fromMe: true, body: 'bye' })
      await host.fire('message:failed', {
        sessionId: host.session,
        type: 'image',
        input: { chatId: BOB, caption: 'look' },
        error: 'The connection ended',
      })
      await host.fire('message:ack', { messageId: 'OUT', status: 'read', ack: 3 })
      await vi.waitFor(() => expect(rows).toHaveLength(4))
      const at = expect.stringMatching(/^\d{4}-\d\d-\d\dT/)
      expect(rows).toEqual([
        [at, 'message:received', 'IN1', 'hello'],
        [at, 'message:sent', 'OUT', 'bye'],
        [at, 'message:failed', BOB, 'look', 'image', 'The connection ended'],
        [at, 'message:ack', 'OUT', 'read'],
      ])
    },
    async 'keeps what it could not send over its own end'(start) {
      const host = await start({ server: () => ({ status: 503 }) })
      await host.receive({ body: 'kept' })
      await host.disable()
      expect(host.storage.get('buffer:undelivered')).toMatchObject([[{}, 'message:received', 'IN1', 'kept']])
      await host.enable()
      await host.receive({ body: 'and another' })
      await host.disable()
      expect(host.storage.get('buffer:undelivered')).toHaveLength(2)
    },
  },
})

const sound = Buffer.from(Uint8Array.from({ length: 4_096 }, (_, index) => (index * 7) % 256))
describePackage({
  name: 'voice notes that go out as a form',
  archive: fixture('voice-notes'),
  scenarios: {
    async 'arrive byte for byte, and are answered after the hook'(start) {
      const asked: FakeRequest[] = []
      const host = await start({
        sessionConfig: { '5e551011-0000-4000-8000-000000000001': { prefix: 'Gehört: ' } },
        server(request) {
          asked.push(request)
          return { body: '{"text":"good morning"}' }
        },
      })
      const media = { mimetype: 'audio/ogg; codecs=opus', data: sound.toString('base64') }
      await host.receive({ type: 'voice', media } as never)
      await vi.waitFor(() => expect(host.storage.has('configAfterwards')).toBe(true))
      expect(host.sent).toMatchObject([{ text: 'Gehört: good morning', quotedMessageId: 'IN1' }])
      // In a timer the configuration is the base again.
      expect(host.storage.get('configAfterwards')).toBe('Heard: ')
      const [request] = asked
      const boundary = /boundary=(.+)$/.exec(request?.headers['content-type'] ?? '')?.[1]
      const body = Buffer.from(request?.body ?? [])
      const from = body.indexOf('\r\n\r\n') + 4
      expect(body.subarray(from, from + sound.length).equals(sound)).toBe(true)
      expect(body.subarray(from + sound.length).toString()).toBe(`\r\n--${boundary}--\r\n`)
      const form = await new Response(request?.body as Uint8Array<ArrayBuffer>, {
        headers: request?.headers ?? {},
      }).formData()
      expect((form.get('file') as File).name).toBe('note.ogg')
    },
  },
})

const WEBHOOK_KEY = Buffer.from('a key of twenty-four byt')
const otp = (timestamp = Math.floor(Date.now() / 1_000)) => {
  const body = JSON.stringify({ user: { id: 'u1', phone: '15550000002' }, sms: { otp: '123456' } })
  const signature = createHmac('sha256', WEBHOOK_KEY).update(`msg_1.${timestamp}.${body}`).digest('base64')
  return {
    body,
    headers: {
      'webhook-id': 'msg_1',
      'webhook-timestamp': String(timestamp),
      'webhook-signature': `v1,bad v1,${signature}`,
    },
  }
}
const SECRET = `v1,whsec_${WEBHOOK_KEY.toString('base64')}`
describePackage({
  name: 'passwords by standard webhooks',
  archive: fixture('otp'),
  scenarios: {
    async 'are sent, and acknowledged as the manifest says'(start) {
      const host = await start()
      const post = openIngress(host, 'otp', SECRET)
      const { body, headers } = otp()
      const answer = await post('send-sms', body, headers)
      expect(answer).toMatchObject({ status: 200, body: '{"ok":true}' })
      expect(answer.headers['content-type']).toContain('application/json')
      await post('send-sms', body, headers)
      expect(host.sent).toMatchObject([{ chatId: BOB, text: 'Your code is 123456' }])
      expect(await post('send-sms', body.replace('123456', '654321'), headers)).toMatchObject({ status: 401 })
      const old = otp(1_000)
      expect(await post('send-sms', old.body, old.headers)).toMatchObject({ status: 401 })
      expect(await post('send-sms', 'x'.repeat(20_481), headers)).toMatchObject({ status: 413 })
    },
    async 'are refused before anything is stored while the session is down'(start) {
      const host = await start()
      const { body, headers } = otp()
      const answer = await openIngress(host, 'otp', SECRET, false)('send-sms', body, headers)
      expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': expect.any(String) } })
      expect(host.sent).toEqual([])
    },
    async 'fail at once where the plugin may not send'(start) {
      const host = await start({ activeSessions: [] })
      const request = { body: otp().body, sessionId: host.session }
      await expect(host.webhook('send-sms', request)).rejects.toThrow(
        'Plugin otp is not activated for session',
      )
      const [, ms = '9999'] = /refused after (\d+) ms/.exec(host.log.at(-1)?.message ?? '') ?? []
      expect(Number(ms)).toBeLessThan(1_000)
    },
  },
})

/** What became of the task that the message names. */
const outcome = async (host: TestHost, body: string): Promise<string[]> => {
  const { data } = await host.receive({ body })
  return (data as unknown as { outcome: string[] }).outcome
}
const refusals = (outcomes: string[]) => outcomes.filter(text => text !== 'done')

/** Lets everything through at once when as many wait as may. */
function createGate(expected: number) {
  const waiting: (() => void)[] = []
  return () =>
    new Promise<void>(resolve => {
      waiting.push(resolve)
      if (waiting.length === expected) for (const release of waiting) release()
    })
}

describePackage({
  name: 'one that goes to its limits and one past them',
  archive: fixture('limits'),
  scenarios: {
    async 'has 32 calls open, and no 33rd'(start) {
      for (const [count, past] of [
        [MAX_CALLS_IN_FLIGHT, 0],
        [MAX_CALLS_IN_FLIGHT + 1, 1],
      ] as const) {
        const gate = createGate(MAX_CALLS_IN_FLIGHT)
        const host = await start({ verbs: { 'storage.get': () => gate().then(() => null) } })
        const refused = refusals(await outcome(host, `calls ${count}`))
        expect(refused).toHaveLength(past)
        for (const text of refused) expect(text).toContain('too many concurrent capability calls (limit 32)')
      }
    },
    async 'has 16 requests under way, and no 17th'(start) {
      for (const [count, past] of [
        [MAX_FETCHES, 0],
        [MAX_FETCHES + 1, 1],
      ] as const) {
        const gate = createGate(MAX_FETCHES)
        const host = await start({ server: () => gate().then(() => ({})) })
        const refused = refusals(await outcome(host, `fetches ${count}`))
        expect(refused).toHaveLength(past)
        for (const text of refused)
          expect(text).toContain('too many concurrent plugin net.fetch calls (max 16)')
      }
    },
    async 'stores up to its quota, and not a byte more'(start) {
      // One byte of key, and the quotes of the JSON text.
      const host = await start({ quotaBytes: 1_000 })
      expect(await outcome(host, 'store 997')).toEqual(['done'])
      expect(await outcome(host, 'store 998')).toEqual(['storage quota exceeded (limit 1000 bytes)'])
      expect(await outcome(host, 'store 10')).toEqual(['done'])
    },
    async 'writes 200 lines of log in ten seconds, and no 201st'(start) {
      const host = await start()
      await outcome(host, `log ${LOG_LINES + 1}`)
      const lines = host.log.filter(({ message }) => message.startsWith('line '))
      expect(lines).toHaveLength(LOG_LINES)
      expect(lines.at(-1)?.message).toBe(`line ${LOG_LINES - 1}`)
    },
    async 'has its lines cut behind 8192 characters'(start) {
      const host = await start()
      await outcome(host, `line ${LOG_LINE_CHARS}`)
      await outcome(host, `line ${LOG_LINE_CHARS + 1}`)
      expect(host.log.map(({ message }) => message)).toEqual([
        'x'.repeat(LOG_LINE_CHARS),
        expect.stringMatching(/x… \[cut\]$/),
      ])
    },
  },
})
