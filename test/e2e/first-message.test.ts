// The first thing that Wharf must do, told as the README tells it, on the real Baileys client and a real WebSocket.
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import JSZip from 'jszip'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { silenceSignalConsole } from '../../engine-node/sessions/signal-console.ts'
import { packPlugin } from '../../scripts/pack.ts'
import { collect, type GatewayProcess, spawnGateway, startGateway, until } from '../support/gateway.ts'
import type { Contact } from '../whatsapp/contact.ts'
import type { Phone } from '../whatsapp/phone.ts'
import { createWhatsApp, type WhatsApp } from '../whatsapp/whatsapp.ts'

const AUTO_REPLY = fileURLToPath(new URL('../../plugins/wharf-auto-reply', import.meta.url))
const PLUGIN = 'wharf-auto-reply'
const HELP = 'Hi! Write "hours" for our opening hours, or wait for a person.'

let folder: string
let whatsapp: WhatsApp
let gateway: GatewayProcess
let owner: Phone
let bob: Contact
let sessionId: string
let shop: Awaited<ReturnType<typeof openShop>>

/** A web server that hands out plugin packages. */
async function openShop() {
  const shelves = new Map<string, Uint8Array>()
  const server = createServer((request, response) => {
    const bytes = shelves.get(request.url ?? '')
    response.writeHead(bytes ? 200 : 404, { 'content-type': 'application/zip' }).end(bytes)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    host,
    /** Puts a package there; answers with its URL, without the pin. */
    offer(name: string, bytes: Uint8Array) {
      shelves.set(`/${name}`, bytes)
      return `http://${host}/${name}`
    },
    close: () => void server.close(),
  }
}

const sessionIs = (status: string) =>
  until(
    () => gateway.ask('GET', `/sessions/${sessionId}`),
    ({ body }) => body.status === status,
  )

/** A package around one source file, as an author's tool would make it. */
async function packageOf(manifest: Record<string, unknown>, source: string): Promise<Uint8Array> {
  const zip = new JSZip()
  const whole = { name: 'X', version: '1.0.0', type: 'extension', main: 'index.js', ...manifest }
  zip.file('manifest.json', JSON.stringify(whole)).file('index.js', source)
  return zip.generateAsync({ type: 'uint8array' })
}

async function upload(bytes: Uint8Array, key?: string) {
  const form = new FormData()
  form.append('file', new Blob([Uint8Array.from(bytes)]), 'plugin.zip')
  return gateway.ask('POST', '/plugins/install', form, key === undefined ? {} : { key })
}

const start = (dataDir = join(folder, 'data')) =>
  startGateway({
    dataDir,
    whatsappUrl: whatsapp.url,
    env: { SSRF_ALLOWED_HOSTS: shop.host, LOG_LEVEL: 'debug' },
  })

const loud = silenceSignalConsole()

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'wharf-e2e-'))
  whatsapp = await createWhatsApp()
  owner = whatsapp.phone('15550000001', { name: 'Alice' })
  bob = whatsapp.contact('15550000002', { name: 'Bob' })
  shop = await openShop()
})

afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]()
  await whatsapp[Symbol.asyncDispose]()
  shop.close()
  loud()
  rmSync(folder, { recursive: true, force: true })
})

describe('a message is answered by a plugin that was installed from a URL', () => {
  it('starts on an empty folder and says what to do next', async () => {
    gateway = await start()
    expect(gateway.key).toMatch(/^owa_k1_[0-9a-f]{64}$/)
    for (const line of ['/sessions', '/plugins/install-url', '.api-key', '/api/docs'])
      expect(gateway.output()).toContain(line)
    expect(gateway.output()).not.toContain(gateway.key)
  })

  it('links a phone by QR', async () => {
    const created = await gateway.ask('POST', '/sessions', { name: 'my-phone' })
    expect(created).toMatchObject({ status: 201, body: { name: 'my-phone', status: 'created', phone: null } })
    sessionId = created.body.id
    expect((await gateway.ask('POST', `/sessions/${sessionId}/start`)).status).toBe(200)
    await sessionIs('qr_ready')
    const { body } = await gateway.ask('GET', `/sessions/${sessionId}/qr`)
    expect(body.qrCode).toMatch(/^data:image\/png;base64,/)
    await until(
      async () => gateway.output(),
      text => text.includes('Scan this with the phone'),
    )
    await owner.scan(body.qr)
    await sessionIs('ready')
    expect((await gateway.ask('GET', `/sessions/${sessionId}`)).body).toMatchObject({ phone: '15550000001' })
    await owner.synced()
  })

  it('installs the plugin from its URL and pin, and switches it on', async () => {
    const { bytes, sha256 } = await packPlugin(AUTO_REPLY)
    const url = shop.offer('auto-reply.zip', bytes)
    const installed = await gateway.ask('POST', '/plugins/install-url', { url: `${url}#sha256=${sha256}` })
    expect(installed).toMatchObject({
      status: 201,
      body: { id: PLUGIN, status: 'installed', tier: 'process' },
    })
    expect(await gateway.ask('POST', `/plugins/${PLUGIN}/enable`)).toMatchObject({
      status: 200,
      body: { success: true, message: `Plugin ${PLUGIN} enabled successfully` },
    })
    expect((await gateway.ask('GET', `/plugins/${PLUGIN}/health`)).body.healthy).toBe(true)
  })

  it('answers, quoting the question, and both are stored with both ids', async () => {
    const question = await bob.write('help', { to: owner })
    const answer = await bob.next()
    expect(answer).toMatchObject({ text: HELP, quoted: { id: question.id, text: 'help' } })
    const { body } = await until(
      () => gateway.ask('GET', `/sessions/${sessionId}/messages`),
      ({ body }) => body.messages?.length === 2 && body.messages[0].status !== 'pending',
    )
    expect(body.messages).toMatchObject([
      { direction: 'outgoing', body: HELP, waMessageId: answer.id, chatId: '15550000002@c.us' },
      { direction: 'incoming', body: 'help', waMessageId: question.id, from: '15550000002@c.us' },
    ])
  })

  it('sends and replies by the API', async () => {
    const sent = await gateway.ask('POST', `/sessions/${sessionId}/messages/send-text`, {
      chatId: '15550000002@c.us',
      text: 'by hand',
    })
    expect(sent.status).toBe(201)
    expect(await bob.next()).toMatchObject({ text: 'by hand', id: sent.body.messageId })
  })

  it('comes back after SIGKILL without a QR, with the plugin on', async () => {
    await gateway.kill()
    const db = new DatabaseSync(join(folder, 'data', 'wharf.db'), { readOnly: true })
    const rows = db.prepare('SELECT direction, phone_id, lid_id FROM messages').all()
    db.close()
    expect(rows.length).toBe(3)
    for (const row of rows)
      expect(row).toMatchObject({ phone_id: '15550000002@c.us', lid_id: `${bob.lid}@lid` })

    gateway = await start()
    await sessionIs('ready')
    expect(gateway.output()).not.toContain('Scan this')
    expect((await gateway.ask('GET', `/plugins/${PLUGIN}`)).body).toMatchObject({ status: 'enabled' })
    const question = await bob.write('some more help please', { to: owner })
    expect(await bob.next()).toMatchObject({ text: HELP, quoted: { id: question.id } })
  })
})

describe('what is refused leaves nothing behind', () => {
  const folders = () => readdirSync(join(folder, 'data', 'plugins')).sort()
  const installed = async () =>
    (await gateway.ask('GET', '/plugins')).body
      .filter(({ builtIn }: { builtIn: boolean }) => !builtIn)
      .map(({ id }: { id: string }) => id)

  it('a second start on the same folder', async () => {
    const second = spawnGateway({ dataDir: join(folder, 'data'), whatsappUrl: whatsapp.url })
    const output = collect(second)
    const [code] = await once(second, 'exit')
    expect(code).not.toBe(0)
    expect(output()).toContain('is in use by another running Wharf')
    expect(output()).not.toContain('    at ')
    expect((await gateway.ask('GET', '/health')).body.status).toBe('ok')
  })

  it('no key, an unknown key and a viewer', async () => {
    for (const key of [null, `owa_k1_${'0'.repeat(64)}`])
      expect((await gateway.ask('GET', '/sessions', undefined, { key })).status).toBe(401)
    const viewer = await gateway.ask('POST', '/auth/api-keys', { name: 'looks only', role: 'viewer' })
    expect(viewer.status).toBe(201)
    const asViewer = { key: viewer.body.apiKey }
    expect((await gateway.ask('GET', '/sessions', undefined, asViewer)).status).toBe(200)
    expect((await gateway.ask('POST', '/sessions', { name: 'not-mine' }, asViewer)).status).toBe(403)
    expect((await upload(await packageOf({ id: 'x' }, ''), viewer.body.apiKey)).status).toBe(403)
    expect(await installed()).toEqual([PLUGIN])
  })

  it('a wrong pin, a missing package and a zip without a manifest', async () => {
    const before = folders()
    const url = shop.offer('other.zip', await packageOf({ id: 'other' }, ''))
    const wrong = await gateway.ask('POST', '/plugins/install-url', {
      url: `${url}#sha256=${'0'.repeat(64)}`,
    })
    expect(wrong).toMatchObject({ status: 400, body: { statusCode: 400, error: 'Bad Request' } })
    const unpinned = await gateway.ask('POST', '/plugins/install-url', { url })
    expect(unpinned.status).toBe(400)
    const missing = await gateway.ask('POST', '/plugins/install-url', {
      url: `http://${shop.host}/no.zip#sha256=${'0'.repeat(64)}`,
    })
    expect(missing.status).toBe(400)
    const zip = await new JSZip().file('index.js', '').generateAsync({ type: 'uint8array' })
    const bare = await upload(zip)
    expect(bare.status).toBe(400)
    expect(JSON.stringify(bare.body)).toContain('no manifest.json')
    expect(await installed()).toEqual([PLUGIN])
    expect(folders()).toEqual(before)
  })

  it('a plugin that asks for what it did not declare', async () => {
    const source = `module.exports = { onEnable(ctx) {
      ctx.registerHook('message:received', async ({ data, sessionId }) => {
        try { await ctx.messages.sendText(sessionId, data.chatId, 'gotcha') } catch (error) { ctx.logger.warn(error.message) }
      })
    } }`
    expect((await upload(await packageOf({ id: 'greedy' }, source))).status).toBe(201)
    expect((await gateway.ask('POST', '/plugins/greedy/enable')).body.success).toBe(true)
    await bob.write('hello', { to: owner })
    await until(
      async () => gateway.output(),
      text => text.includes("missing the 'messages:send' permission"),
    )
    expect(bob.inbox.map(({ text }) => text)).not.toContain('gotcha')
    expect((await gateway.ask('DELETE', '/plugins/greedy')).status).toBe(200)

    const unknown = await upload(await packageOf({ id: 'unknown', permissions: ['shell:run'] }, ''))
    expect(unknown.status).toBe(400)
    expect(JSON.stringify(unknown.body)).toContain('shell:run')
    expect(await installed()).toEqual([PLUGIN])
  })

  it('a plugin that never answers costs its budget and not the message, and one that dies takes nothing with it', async () => {
    const hang = `module.exports = { onEnable(ctx) { ctx.registerHook('message:received', () => new Promise(() => {}), 1) } }`
    const die = `module.exports = { onEnable(ctx) { ctx.registerHook('message:received', () => process.exit(7), 2) } }`
    for (const [id, source] of [
      ['hangs', hang],
      ['dies', die],
    ] as const) {
      expect((await upload(await packageOf({ id }, source))).status).toBe(201)
      expect((await gateway.ask('POST', `/plugins/${id}/enable`)).body.success).toBe(true)
    }
    const question = await bob.write('help me in spite of them', { to: owner })
    const answer = await bob.next(({ quoted }) => quoted?.id === question.id, 15_000)
    expect(answer.text).toBe(HELP)
    for (const id of ['hangs', 'dies'])
      expect((await gateway.ask('DELETE', `/plugins/${id}`)).status).toBe(200)
    expect(await installed()).toEqual([PLUGIN])
    expect(folders().filter(name => !name.startsWith(PLUGIN))).toEqual([])
  })

  it('stops within its grace time and writes no secret to its log', async () => {
    expect(await gateway.stop()).toBe(0)
    const output = gateway.output()
    expect(output).not.toContain(gateway.key)
    for (const word of ['privKey', 'Closing session', 'noiseKey', 'signedIdentityKey'])
      expect(output).not.toContain(word)
  })
})
