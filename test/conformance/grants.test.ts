// What an operator confirms is what a plugin gets, on the tiers themselves: each grant is used to its edge, and one past it.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildZip } from '../../engine-node/plugins/archive.fixtures.ts'
import { probeMachine, SYSTEM_PATH } from '../../engine-node/tiers/probe-machine.ts'
import type { Grants } from '../../src/contract/grants.ts'
import { type GatewayProcess, startGateway, until } from '../support/gateway.ts'

const { sandbox } = await probeMachine({
  nodePath: process.execPath,
  searchPath: SYSTEM_PATH,
  firstUid: null,
})

/** Does what its configuration says, and tells what came of it. */
const CODE = `
const tried = async act => { try { return (await act()) ?? 'done' } catch (error) { return error.code ?? error.message } }
const acts = {
  env: name => process.env[name] ?? null,
  names: () => Object.keys(process.env).sort().join(),
  require: name => typeof require(name),
  read: path => require('fs').readFileSync(path, 'utf8'),
  write: path => void require('fs').writeFileSync(path, 'made'),
  fetch: (context, url) => context.net.fetch(url),
  fill: mb => {
    const kept = []
    for (let n = 0; n < mb * 64; n += 1) kept.push(Array.from({ length: 1000 }, () => ({ n })).length && new Array(2048).fill(n))
    return kept.length > 0 ? 'filled' : 'nothing'
  },
  spin: ms => { const end = Date.now() + ms; while (Date.now() < end); return 'spun' },
}
let context
module.exports = {
  onEnable(given) {
    context = given
    given.registerHook('session:created', () => acts.spin(context.config.spin))
  },
  async healthCheck() {
    const results = []
    for (const [act, ...args] of context.config.acts)
      results.push(await tried(() => acts[act](...(act === 'fetch' ? [context] : []), ...args)))
    return { healthy: true, message: JSON.stringify(results) }
  },
}`

describe.each(['process', 'isolate'] as const)('grants in the tier %s', tier => {
  let root: string
  let gateway: GatewayProcess
  const at = (name: string) => join(root, name)
  const ask = (...args: Parameters<GatewayProcess['ask']>) => gateway.ask(...args)

  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), `wharf-grants-${tier}-`))
    for (const folder of ['data', 'shared/inbox', 'shared/outbox', 'shared/private'])
      mkdirSync(at(folder), { recursive: true })
    for (const folder of ['inbox', 'private']) writeFileSync(at(`shared/${folder}/file`), folder)
    symlinkSync(at('shared/private'), at('shared/inbox/link'))
    gateway = await startGateway({
      dataDir: at('data'),
      whatsappUrl: 'ws://127.0.0.1:9/ws/chat',
      env: {
        PLUGIN_TIER: tier,
        PLUGIN_TRUSTED: 'asks,policy',
        PLUGIN_FS_ROOTS: at('shared'),
        PLUGIN_GRANT_POLICY: JSON.stringify({ policy: { env: ['SHOP_TOKEN'], modules: ['os'] } }),
        SHOP_TOKEN: 'token-of-the-shop',
        SHOP_SECRET: 'secret-of-the-shop',
      },
    })
  }, 60_000)
  afterAll(async () => {
    await gateway?.[Symbol.asyncDispose]()
    rmSync(root, { recursive: true, force: true })
  })

  async function install(id: string, asks: object, code = CODE) {
    await ask('DELETE', `/plugins/${id}`)
    const manifest = { id, name: id, version: '1.0.0', type: 'extension', main: 'index.js', ...asks }
    const archive = buildZip([
      { name: 'manifest.json', content: JSON.stringify(manifest) },
      { name: 'index.js', content: code },
    ])
    const form = new FormData()
    form.append('file', new Blob([Uint8Array.from(archive)]), 'plugin.zip')
    const { status, body } = await ask('POST', '/plugins/install', form)
    expect(status, JSON.stringify(body)).toBe(201)
    return body
  }
  const configure = (id: string, config: object) => ask('PUT', `/plugins/${id}/config`, { config })
  const enable = (id: string, grants?: Grants) =>
    ask('POST', `/plugins/${id}/enable`, grants === undefined ? {} : { grants })
  async function results(id: string, ...acts: unknown[][]): Promise<unknown> {
    await configure(id, { acts, spin: 0 })
    const { body } = await ask('GET', `/plugins/${id}/health`)
    expect(body.healthy, JSON.stringify(body)).toBe(true)
    return JSON.parse(body.message)
  }
  const stateOf = async (id: string) => (await ask('GET', `/plugins/${id}`)).body

  it('of the environment are these names and no others', async () => {
    const { asks } = await install('asks', { env: ['SHOP_TOKEN', 'NOT_SET'] })
    expect((await enable('asks')).body.message).toContain('env SHOP_TOKEN, env NOT_SET')
    expect((await enable('asks', asks)).body).toMatchObject({ success: true })
    expect(await stateOf('asks')).toMatchObject({ asks, grants: asks, waitsFor: [] })
    expect(await results('asks', ['names'], ['env', 'SHOP_TOKEN'], ['env', 'SHOP_SECRET'])).toEqual([
      'SHOP_TOKEN',
      'token-of-the-shop',
      'done',
    ])
  })

  it('of a policy need no word at the enabling', async () => {
    const view = await install('policy', { env: ['SHOP_TOKEN'] })
    expect(view).toMatchObject({ grants: { env: ['SHOP_TOKEN'] }, waitsFor: [] })
    expect((await enable('policy')).body).toMatchObject({ success: true })
    expect(await results('policy', ['env', 'SHOP_TOKEN'])).toEqual(['token-of-the-shop'])
    await install('policy', { env: ['SHOP_SECRET'] })
    expect((await enable('policy')).body).toMatchObject({
      success: false,
      message: expect.stringContaining('env SHOP_SECRET'),
    })
  })

  it('of modules are these and no others, and what the tier does not have is said', async () => {
    const view = await install('asks', { modules: ['os'] })
    await enable('asks', view.asks)
    const [os, dns, fs, zlib] = (await results(
      'asks',
      ['require', 'os'],
      ['require', 'dns'],
      ['require', 'node:fs'],
      ['require', 'crypto'],
    )) as unknown[]
    const missing = (await stateOf('asks')).missingPromises as string[]
    const sentence = 'The tier isolate has no os, which the package asks for.'
    if (tier === 'process') {
      const refused = 'ERR_MODULE_NOT_GRANTED'
      expect([os, dns, fs, zlib]).toEqual(['object', refused, refused, 'object'])
      expect(missing).not.toContain(sentence)
    } else {
      const refused = 'MODULE_NOT_FOUND'
      expect([os, dns, fs, zlib]).toEqual([refused, refused, refused, 'object'])
      expect(missing).toContain(sentence)
      expect(view.missingPromises).toContain(sentence)
    }
  })

  it('of modules can be judged before the plugin is enabled: the install says what is missing', async () => {
    const code = ['child_process', 'node:fs', 'http'].map(name => `require('${name}')`).join('\n')
    const view = await install('asks', {}, code)
    const missing = ['child_process', 'fs', 'http'].map(name => expect.stringContaining(` ${name}, which`))
    expect(view).toMatchObject({ status: 'installed', missingPromises: expect.arrayContaining(missing) })
    expect((await stateOf('asks')).missingPromises).toEqual(view.missingPromises)
    expect((await enable('asks')).body).toMatchObject({
      success: false,
      message: expect.stringMatching(
        tier === 'process' ? /"child_process" is not allowed/ : /'child_process'/,
      ),
    })
  })

  it('of paths are mounted, or the plugin does not run', async () => {
    const filesystem = { read: [at('shared/inbox')], write: [at('shared/outbox')] }
    const { asks } = await install('asks', { filesystem })
    const { body } = await enable('asks', asks)
    if (tier === 'isolate' || sandbox === null) {
      expect(body).toMatchObject({
        success: false,
        message: expect.stringContaining('the paths that were granted cannot be given'),
      })
      return
    }
    expect(body).toMatchObject({ success: true })
    const [read, made, ...refused] = (await results(
      'asks',
      ['read', at('shared/inbox/file')],
      ['write', at('shared/outbox/new')],
      ['write', at('shared/inbox/new')],
      ['read', at('shared/private/file')],
      ['read', at('shared/inbox/link/file')],
      ['read', at('shared/inbox/../private/file')],
      ['read', at('shared/INBOX/file')],
      ['read', `${at('shared/inbox')}-of-others`],
      ['read', at('data/encryption.key')],
      ['read', '/etc/passwd'],
    )) as string[]
    expect([read, made]).toEqual(['inbox', 'done'])
    for (const code of refused) expect(code).toMatch(/^(ERR_ACCESS_DENIED|ENOENT|EROFS)$/)
    expect(readFileSync(at('shared/outbox/new'), 'utf8')).toBe('made')
    expect(existsSync(at('shared/inbox/new'))).toBe(false)
  })

  it('of paths outside of the roots are refused at the enabling', async () => {
    for (const path of ['/etc', at('data'), at('shared/inbox/nothing'), root]) {
      const { asks } = await install('asks', { filesystem: { read: [path] } })
      expect((await enable('asks', asks)).status, path).toBe(400)
      expect(await stateOf('asks')).toMatchObject({ grants: {}, waitsFor: [`filesystem.read ${path}`] })
    }
  })

  it('of memory are the bound: more fits than by default, and not more than that', async () => {
    await install('asks', {})
    await enable('asks')
    await configure('asks', { acts: [['fill', 120]], spin: 0 })
    await ask('GET', '/plugins/asks/health')
    const ended = (view: { runtime: { lastError: string | null } }) => view.runtime.lastError !== null
    const view = await until(() => stateOf('asks'), ended)
    expect(view.runtime.lastError).toMatch(/memory|SIG/i)

    const { asks } = await install('asks', { limits: { memoryMb: 256 } })
    await enable('asks', asks)
    expect(await results('asks', ['fill', 120])).toEqual(['filled'])
    await configure('asks', { acts: [['fill', 700]], spin: 0 })
    await ask('GET', '/plugins/asks/health')
    expect((await until(() => stateOf('asks'), ended)).runtime.lastError).toMatch(/memory|SIG/i)
  }, 30_000)

  it('of processor time are the bound of each call', async () => {
    const { asks } = await install('asks', { limits: { cpuMs: 300 } })
    await enable('asks', asks)
    await configure('asks', { acts: [], spin: 3_000 })
    await ask('POST', '/sessions', { name: `busy-${tier}` })
    const view = await until(
      () => stateOf('asks'),
      ({ runtime }) => runtime.lastError !== null,
    )
    expect(view.runtime.lastError).toMatch(/processor time/)
  })

  it('of hosts end where the manifest denies one', async () => {
    await install('asks', {
      permissions: ['net:fetch'],
      net: { allow: ['*'], deny: ['denied.invalid', '*.denied.invalid'] },
    })
    await enable('asks')
    const [denied, below, port, other] = (await results(
      'asks',
      ['fetch', 'https://denied.invalid/'],
      ['fetch', 'https://DENIED.invalid./'],
      ['fetch', 'https://a.denied.invalid:8443/'],
      ['fetch', 'https://other.invalid/'],
    )) as string[]
    for (const text of [denied, below, port]) expect(text).toBe('capability_denied')
    expect(other).not.toBe('capability_denied')
    expect((await ask('GET', '/plugins/asks/calls')).body.denials).toMatchObject([
      { verb: 'net.fetch', reason: 'host' },
      { verb: 'net.fetch', reason: 'host' },
      { verb: 'net.fetch', reason: 'host' },
    ])
  })
})
