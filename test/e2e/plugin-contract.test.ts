// Plugins through the gateway as an operator has it: pages, updates, requests to a helper on the machine, searches.
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import JSZip from 'jszip'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type GatewayProcess, startGateway, until } from '../support/gateway.ts'

const PAGE =
  '<!doctype html><title>Settings</title><script>parent.postMessage({type:"config:get"},"*")</script>'

/** Tells by its health what a request of its own came to, and answers searches with one id. */
const source = `module.exports = class {
  onEnable(ctx) {
    this.ctx = ctx
    ctx.registerSearchProvider(({ q }) => ({ hits: [{ messageId: q }], total: 1 }))
  }
  async healthCheck() {
    try {
      const { status, body } = await this.ctx.net.fetch(this.ctx.config.url, { method: 'POST', body: new Uint8Array([0, 255, 128]) })
      return { healthy: true, message: status + ' ' + body }
    } catch (error) {
      return { healthy: false, message: error.message }
    }
  }
}`

const manifest = {
  id: 'caller',
  name: 'Caller',
  version: '1.0.0',
  type: 'extension',
  main: 'index.js',
  permissions: ['net:fetch', 'search:provide'],
  net: { allow: ['127.0.0.1'] },
  configUi: { entry: 'ui/page.html', height: 600 },
}

async function packageOf(more: Record<string, unknown> = {}): Promise<Uint8Array> {
  const zip = new JSZip()
  zip.file('manifest.json', JSON.stringify({ ...manifest, ...more }))
  zip.file('index.js', source).file('ui/page.html', PAGE)
  return await zip.generateAsync({ type: 'uint8array' })
}

let folder: string
let helper: Server
let gateway: GatewayProcess
let place: string
const shelf = new Map<string, Uint8Array>()

/** Serves packages, and answers anything else with the bytes that it was sent, in hex. */
async function openHelper() {
  const server = createServer(async (request, response) => {
    const offered = shelf.get(request.url ?? '')
    if (offered) return void response.end(offered)
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part)
    response.end(Buffer.concat(parts).toString('hex'))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

const start = (env: Record<string, string> = {}) =>
  startGateway({ dataDir: join(folder, 'data'), whatsappUrl: 'ws://127.0.0.1:9', env })
const health = async () => (await gateway.ask('GET', '/plugins/caller/health')).body.message

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'wharf-contract-'))
  helper = await openHelper()
  place = `127.0.0.1:${(helper.address() as AddressInfo).port}`
  gateway = await start()
  const form = new FormData()
  form.append('file', new Blob([Uint8Array.from(await packageOf())]), 'caller.zip')
  expect(await gateway.ask('POST', '/plugins/install', form)).toMatchObject({ status: 201 })
  expect((await gateway.ask('POST', '/plugins/caller/enable')).body).toMatchObject({ success: true })
})
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]()
  helper?.close()
  rmSync(folder, { recursive: true, force: true })
})

describe('a request of a plugin', () => {
  const to = (url: string) => gateway.ask('PUT', '/plugins/caller/config', { config: { url } })

  it('to a host that its manifest does not name is refused', async () => {
    await to('https://example.com/')
    expect(await health()).toContain(
      'Plugin caller may not fetch https://example.com/ — add its host to net.allow or net.allowConfigHosts',
    )
  })

  it('to this machine is refused, with what the operator can do', async () => {
    await to(`http://${place}/`)
    expect(await health()).toContain(`add ${place} to SSRF_ALLOWED_HOSTS`)
  })

  it('arrives byte for byte once the operator has allowed that place', async () => {
    await gateway.stop()
    gateway = await start({ SSRF_ALLOWED_HOSTS: place })
    await until(health, message => message !== undefined)
    expect(await health()).toContain('200 00ff80')
  })
})

describe('the page of a plugin', () => {
  it('is handed out as what it is: HTML that nobody trusts', async () => {
    const { status, body, headers } = await gateway.ask('GET', '/plugins/caller/config-ui')
    expect([status, body]).toEqual([200, PAGE])
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(headers.get('content-security-policy')).toBe('sandbox')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
  })
})

describe('an update', () => {
  it('that asks for no more goes on by itself; one that does waits for the operator', async () => {
    const offer = async (name: string, more: Record<string, unknown>) => {
      const bytes = await packageOf(more)
      shelf.set(`/${name}`, bytes)
      const digest = Buffer.from(await crypto.subtle.digest('SHA-256', Uint8Array.from(bytes)))
      return `http://${place}/${name}#sha256=${digest.toString('hex')}`
    }
    const update = (url: string) => gateway.ask('POST', '/plugins/caller/update', { url })
    const next = await update(await offer('1.1.0.zip', { version: '1.1.0' }))
    expect(next).toMatchObject({ status: 201, body: { version: '1.1.0', status: 'enabled' } })
    expect(await health()).toContain('200 00ff80')

    const permissions = [...manifest.permissions, 'messages:send']
    const more = await update(await offer('1.2.0.zip', { version: '1.2.0', permissions }))
    expect(more).toMatchObject({
      status: 201,
      body: {
        version: '1.2.0',
        status: 'disabled',
        error: expect.stringContaining('the permission messages:send'),
      },
    })
    expect((await gateway.ask('POST', '/plugins/caller/enable')).body).toMatchObject({ success: true })
    expect(await health()).toContain('200 00ff80')

    const other = await update(await offer('other.zip', { id: 'other' }))
    expect(other).toMatchObject({ status: 400 })
  })
})

describe('a search', () => {
  it('is answered by the plugin that offers to, with nothing that is not stored', async () => {
    expect(await gateway.ask('GET', '/search?q=word')).toMatchObject({
      status: 200,
      body: { hits: [], total: 0, provider: 'plugin:caller' },
    })
    expect(await gateway.ask('POST', '/plugins/caller/disable')).toMatchObject({ status: 200 })
    expect((await gateway.ask('GET', '/search?q=word')).body).toMatchObject({ provider: 'builtin' })
  })

  it.each(['', '?q=', '?q=%20', '?q=x&limit=0', '?q=x&limit=101', '?q=x&offset=100001', '?q=x&type=song'])(
    'of %j is refused',
    async query => {
      expect(await gateway.ask('GET', `/search${query}`)).toMatchObject({ status: 400 })
    },
  )

  it('is held to the sessions of its key, and not for keys of some chats', async () => {
    const { body: session } = await gateway.ask('POST', '/sessions', { name: 'search-here' })
    const keyWith = async (more: Record<string, unknown>) =>
      (await gateway.ask('POST', '/auth/api-keys', { name: 'held', role: 'operator', ...more })).body.apiKey
    const ofSession = { key: await keyWith({ allowedSessions: [session.id] }) }
    expect(await gateway.ask('GET', '/search?q=x', undefined, ofSession)).toMatchObject({ status: 200 })
    const elsewhere = '/search?q=x&sessionId=0b0d6a57-6f0f-4d0e-8a55-2f0e7a9d9f10'
    expect(await gateway.ask('GET', elsewhere, undefined, ofSession)).toMatchObject({ status: 403 })
    const ofChat = { key: await keyWith({ allowedChats: ['15550000002@c.us'] }) }
    expect(await gateway.ask('GET', '/search?q=x', undefined, ofChat)).toMatchObject({ status: 403 })
  })
})
