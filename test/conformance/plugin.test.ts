// What every plugin may count on and what none may do, in each tier: the same small plugins, the same answers.
import { createVerify, generateKeyPairSync } from 'node:crypto'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/contract/errors.ts'
import { tiers } from '../../src/contract/plugin-view.ts'
import { type PluginTiers, type RunOptions, runPlugin, startPluginTiers } from '../support/plugin-tiers.ts'

let all: PluginTiers
beforeAll(async () => {
  all = await startPluginTiers()
})
afterAll(() => all[Symbol.asyncDispose]())

const Call = v.object({ verb: v.string(), args: v.array(v.unknown()), inFlight: v.array(v.string()) })

describe.each(tiers)('a plugin in the tier %s', tier => {
  const run = (plugin: string, options?: RunOptions) => runPlugin(all.hosts[tier], plugin, options)

  it('answers hooks, and its state lives on', async () => {
    const { hook, guest } = await run('echo')
    const message = { id: 'A', chatId: 'B', body: 'x'.repeat(1_000) }
    expect(await hook(message)).toEqual({ continue: true, data: { ...message, calls: 1 } })
    expect(await hook(message)).toEqual({ continue: true, data: { ...message, calls: 2 } })
    const usage = await guest.usage()
    expect(usage?.memoryBytes).toBeGreaterThan(500_000)
    expect(usage?.cpuMs).toBeGreaterThanOrEqual(0)
    await guest[Symbol.asyncDispose]()
    expect(await guest.usage()).toBeNull()
    expect(await guest.channel.closed).toMatchObject({ code: 'plugin_stopped' })
  })

  it('has what a bundle counts on, with the answers that Node gives', async () => {
    const pem = { privateKeyEncoding: { type: 'pkcs8', format: 'pem' } } as const
    const rsa = generateKeyPairSync('rsa', {
      modulusLength: 2_048,
      ...pem,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    })
    const keys = { rsa: rsa.privateKey }
    // Away from this project's package.json, which would make an ES module of it.
    const copy = join(all.folder, `surface-${tier}`)
    await cp(fileURLToPath(new URL('../fixtures/plugins/surface', import.meta.url)), copy, {
      recursive: true,
    })
    const surface = createRequire(import.meta.url)(join(copy, 'index.js'))
    const expected = JSON.parse(JSON.stringify(await surface.answers(keys)))
    const answer = v.parse(
      v.object({ data: v.object({ answers: v.record(v.string(), v.unknown()) }) }),
      await (await run('surface')).hook({ keys }),
    )
    expect(answer.data.answers).toEqual(expected)
    expect(JSON.stringify(expected)).not.toContain('failed: ')
    const signature = String(answer.data.answers['sign rsa'])
    expect(signature.length).toBeGreaterThan(300)
    expect(createVerify('sha256').update('x').verify(rsa.publicKey, signature, 'base64')).toBe(false)
  })

  it('may be ES modules, also such that await at their top level', async () => {
    const plain = await run('esm', { main: 'index.mjs' })
    expect(await plain.hook({})).toMatchObject({ data: { word: 'imported' } })
    const awaiting = await run('esm-await', { main: './index.mjs' })
    expect(await awaiting.hook({})).toMatchObject({ data: { word: 'awaited' } })
  })

  it('may be many ES modules, with some of CommonJS and of Node among them', async () => {
    const { packageDir, remove } = await packageOf({
      'package.json': '{ "type": "module" }',
      'index.js': `
        import crypto, { createHash } from 'node:crypto'
        import { Transform } from 'stream'
        import { gzipSync } from 'node:zlib'
        import { there, back } from './lib/one.js'
        import old from './old.cjs'
        export * from './lib/one.js'
        const run = () => ({ data: {
          hash: createHash('sha256').update('x').digest('hex') === crypto.createHash('sha256').update('x').digest('hex'),
          there, back: back(), old: [old.word, old['two words']], stream: typeof Transform, zlib: gzipSync('x')[0],
        } })
        export default class { onLoad(context) { context.registerHook('message:received', run) } }`,
      'lib/one.js': `import { here } from '../two.mjs'\nexport const there = 'there'\nexport const back = () => here()`,
      'two.mjs': `import { there } from './lib/one.js'\nexport function here() { return there + ' and back' }`,
      'old.cjs': `module.exports = { word: 'old', 'two words': 2, default: 'no' }`,
    })
    const { hook } = await run('many', { packageDir })
    expect(await hook({})).toMatchObject({
      data: {
        hash: true,
        there: 'there',
        back: 'there and back',
        old: ['old', 2],
        stream: 'function',
        zlib: 31,
      },
    })
    await remove()
  })

  it.each([
    ['throws at its top', "throw new Error('no luck')", /no luck/],
    [
      'rejects at its top',
      "await new Promise(r => setTimeout(r, 5)); throw new Error('late luck')",
      /late luck/,
    ],
    ['is no JavaScript', 'export default (', /Unexpected|Expected|Invalid/],
    ['imports what is not there', "import './missing.mjs'", /missing\.mjs/],
    ['imports what is not exported', "import { nothing } from './other.mjs'", /nothing/],
    ['imports a package', "import 'left-pad'", /left-pad/],
  ])('that is an ES module and %s says so', async (_what, code, text) => {
    const { packageDir, remove } = await packageOf({ 'index.mjs': code, 'other.mjs': 'export default 1' })
    const failed = await run('failing', { packageDir, main: 'index.mjs' }).catch((error: unknown) => error)
    expect(failed).toMatchObject({ code: 'plugin_failed', message: expect.stringMatching(text) })
    expect(String(failed)).not.toMatch(/isolate-host|isolated-vm boundary|engine-node/)
    await remove()
  })

  it('calls the host, is told errors without anything of the host, and prints', async () => {
    const calls: v.InferOutput<typeof Call>[] = []
    const { hook, printed, logged } = await run('verbs', {
      config: { base: { greeting: 'hi' }, sessions: {} },
      capability(params) {
        const call = v.parse(Call, params)
        calls.push(call)
        if (call.verb === 'storage.get') return 'stored'
        if (call.verb === 'messages.sendText')
          throw new GatewayError('capability_denied', 'not allowed', { cause: new Error('/etc/secret') })
        return null
      },
    })
    const answer = await hook({ body: 'b', waitMs: 0 }, { sessionId: 's' })
    expect(answer).toMatchObject({
      data: {
        stored: 'stored',
        refused: { message: 'not allowed', code: 'capability_denied', isError: true },
      },
    })
    expect(JSON.stringify(answer)).not.toMatch(/secret|engine-node|vitest/)
    expect(calls).toMatchObject([
      { verb: 'storage.set', args: ['last', 'b'], inFlight: ['message:received'] },
      { verb: 'storage.get', args: ['last'] },
      { verb: 'messages.sendText', args: ['s', 'c@c.us', 'no'] },
    ])
    expect(logged).toMatchObject([{ level: 'info', message: 'logged', meta: { by: 'logger' } }])
    await expect.poll(() => printed.join('\n')).toContain("printed { by: 'console' }")
  })

  it('reads the configuration of its event, however many run and whatever they wait for', async () => {
    const { hook, peer } = await run('verbs', {
      config: { base: { greeting: 'hi' }, sessions: { a: { greeting: 'hola' }, b: { greeting: 'salut' } } },
    })
    const events = ['a', 'b', 'a', 'other', 'b', null]
    const waits = [5, 30, 20, 10, 1, 15]
    const answers = await Promise.all(
      events.map((sessionId, index) => hook({ body: 'x', waitMs: waits[index] }, { sessionId })),
    )
    const greetings = { a: 'hola', b: 'salut', other: 'hi' }
    const expected = events.map(sessionId => greetings[sessionId as keyof typeof greetings] ?? 'hi')
    for (const moment of ['before', 'between', 'after'])
      expect(answers.map(answer => v.parse(Answer, answer).data[moment])).toEqual(expected)
    expect(await peer.call('health', {}, { timeoutMs: 5_000 })).toEqual({
      healthy: true,
      message: 'saw ; hi',
    })
    await peer.call(
      'configure',
      { config: { base: { greeting: 'ciao' }, sessions: {} } },
      { timeoutMs: 5_000 },
    )
    expect(await hook({ body: 'x', waitMs: 0 }, { sessionId: 'a' })).toMatchObject({
      data: { before: 'ciao' },
    })
    expect(await peer.call('health', {}, { timeoutMs: 5_000 })).toMatchObject({ message: 'saw ciao; ciao' })
  })

  it('is called back within its own call, with the configuration of that event', async () => {
    const config = {
      base: { greeting: 'hi' },
      sessions: { a: { greeting: 'hola' }, b: { greeting: 'salut' } },
    }
    const inner: unknown[] = []
    const { hook } = await run('verbs', {
      config,
      async capability(params) {
        const { verb, inFlight } = v.parse(Call, params)
        if (verb === 'storage.set')
          inner.push(
            await hook(
              {},
              { event: 'message:sent', sessionId: 'b', inFlight: [...inFlight, 'message:sent'] },
            ),
          )
        return null
      },
    })
    expect(await hook({ body: 'x', waitMs: 0 }, { sessionId: 'a' })).toMatchObject({
      data: { after: 'hola' },
    })
    expect(inner).toMatchObject([{ data: { nested: 'salut' } }])
  })

  it('is ended out of an endless loop, and the next one is served', async () => {
    const [looping, other] = [await run('restless'), await run('echo')]
    await expect(looping.hook({ body: 'loop' }, { timeoutMs: 200 })).rejects.toMatchObject({
      code: 'plugin_timeout',
    })
    const deadline = performance.now()
    await looping.guest[Symbol.asyncDispose]()
    expect(performance.now() - deadline).toBeLessThan(1_000)
    expect(await other.hook({ id: 'A', chatId: 'B' })).toMatchObject({ data: { calls: 1 } })
  })

  it.each(['objects', 'buffers'])('is ended by too much memory in %s, or refused it', async body => {
    const { hook, peer } = await run('bombs', { pluginId: `bombs-${body}` })
    const answer = await hook({ body }).catch((error: unknown) => error)
    if (tier === 'isolate' && body === 'buffers')
      expect(answer).toMatchObject({ error: 'Array buffer allocation failed' })
    else {
      expect(answer).toMatchObject({ code: 'plugin_crashed' })
      expect((await peer.closed).message).toMatch(/used more than 64 MB|SIGABRT/)
    }
  })

  // The gateway itself ends of them when they are in its own process: the tier `worker` promises nothing else.
  for (const body of tier === 'worker' ? [] : ['keys', 'map', 'array', 'text'])
    it(`ends by itself of one large value of ${body}`, async () => {
      const { hook, peer } = await run('bombs', { pluginId: `bombs-${body}` })
      const answer = await hook({ body }).catch((error: unknown) => error)
      if (body === 'text') expect(answer).toMatchObject({ error: 'Invalid string length' })
      else {
        expect(answer).toMatchObject({ code: 'plugin_crashed' })
        expect((await peer.closed).message).toMatch(/memory|SIGABRT|SIGTRAP/)
      }
    })

  it('ends itself when it wants to', async () => {
    const { hook, peer } = await run('restless')
    await expect(hook({ body: 'exit' })).rejects.toMatchObject({ code: 'plugin_crashed' })
    expect(await peer.closed).toMatchObject({
      code: 'plugin_crashed',
      message: 'exited with code 7',
      details: { pluginId: 'restless' },
    })
  })

  it('ends of what a timer throws, and lives on after a promise that nobody hears', async () => {
    const throwing = await run('restless')
    await throwing.hook({ body: 'throw-later' })
    expect(await throwing.peer.closed).toMatchObject({ message: 'exited with code 1' })
    await expect.poll(() => throwing.printed.join('\n')).toContain('thrown in a timer')
    const rejecting = await run('restless')
    await rejecting.hook({ body: 'reject-later' })
    expect(await rejecting.hook({ body: 'fine' })).toMatchObject({ data: { fine: true } })
    await expect
      .poll(() => rejecting.logged)
      .toMatchObject([{ level: 'error', message: expect.stringContaining('nobody listens') }])
  })

  it('fails in its own words, without a path of the gateway', async () => {
    const { hook, logged } = await run('restless')
    expect(await hook({ body: 'throw' })).toEqual({ continue: true, error: 'the handler failed' })
    for (const body of ['cyclic', 'bigint'])
      await expect(hook({ body })).rejects.toMatchObject({ details: { pluginCode: 'frame_invalid' } })
    if (tier !== 'worker' && all.probed.sandbox !== null)
      expect(JSON.stringify(logged)).not.toMatch(/node_modules|engine-node|\/work|\/home|wharf-tiers/)
    const missing = await run('echo', { main: 'missing.js' }).catch((error: unknown) => error)
    expect(missing).toMatchObject({ code: 'plugin_failed', message: expect.stringContaining('missing.js') })
  })

  it('goes on when it patches JSON under its own feet', async () => {
    const { hook } = await run('restless')
    await hook({ body: 'patch' })
    expect(await hook({ body: 'fine' })).toMatchObject({ data: { fine: true } })
  })
})

const Answer = v.object({ data: v.record(v.string(), v.unknown()) })

/** A package of these files in a folder of its own. */
async function packageOf(files: Record<string, string>) {
  const packageDir = await mkdtemp(join(all.folder, 'package-'))
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(packageDir, name)), { recursive: true })
    await writeFile(join(packageDir, name), content)
  }
  return { packageDir, remove: () => rm(packageDir, { recursive: true }) }
}
