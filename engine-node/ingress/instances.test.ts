import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { statement } from '../../src/db/db.ts'
import { findInstance, listInstances, toInstanceView } from '../../src/db/instances.ts'
import { pluginInstances, plugins } from '../../src/db/schema.ts'
import { openIngress, SECRET, type TestIngress } from '../../test/support/ingress.ts'

let ingress: TestIngress
beforeEach(async () => {
  ingress = await openIngress()
})
afterEach(() => ingress[Symbol.asyncDispose]())

const read = async (instanceId = 'main') => {
  const found = await findInstance(ingress.now.db, 'desk', instanceId)
  return found && toInstanceView(found, null)
}

describe('an instance', () => {
  it('shows its secrets once, to who made it', async () => {
    const made = await ingress.provision({ verifyToken: 'verify-me', config: { apiKey: 'k', port: 1 } })
    expect(made).toMatchObject({
      id: 'desk:main',
      secret: SECRET,
      verifyToken: 'verify-me',
      config: { apiKey: '***', port: 1 },
      enabled: true,
      sessionScope: null,
    })
    expect(made.ingressUrls[0]).toEqual({
      route: 'chat',
      url: 'https://gate.example/api/ingress/desk/main/chat',
    })
    expect(await read()).toMatchObject({
      secret: '***',
      verifyToken: '***',
      config: { apiKey: '***', port: 1 },
      ingressUrls: [{ route: 'chat', url: '/api/ingress/desk/main/chat' }, {}, {}],
    })
  })

  it('lies in the database without a readable secret', async () => {
    await ingress.provision({ verifyToken: 'verify-me', config: { apiKey: 'secret-key' } })
    const [row] = await ingress.now.db.select().from(pluginInstances)
    const text = [row?.secretSealed, row?.verifyTokenSealed, row?.configSealed]
      .map(sealed => Buffer.from(sealed ?? []).toString('latin1'))
      .join()
    for (const secret of [SECRET, 'verify-me', 'secret-key'])
      expect(text + JSON.stringify(row)).not.toContain(secret)
  })

  it('gets a secret of 64 hex digits where none is given, another one each time', async () => {
    const { secret } = await ingress.now.instances.create('desk', {
      instanceId: 'a',
      sessionScope: null,
      verifyToken: null,
      config: {},
    })
    expect(secret).toMatch(/^[0-9a-f]{64}$/)
    const next = await ingress.now.instances.regenerateSecret('desk', 'a')
    expect(next.secret).toMatch(/^[0-9a-f]{64}$/)
    expect(next.secret).not.toBe(secret)
    expect((await ingress.now.instances.open('desk', 'a'))?.secret).toBe(next.secret)
  })

  it.each([
    ['a plugin that is not there', 'nobody', 'not_found'],
    ['an instance that is there', 'desk', 'instance_exists'],
  ])('is not made for %s', async (_, pluginId, code) => {
    await ingress.provision()
    const input = { instanceId: 'main', sessionScope: null, verifyToken: null, config: {} }
    await expect(ingress.now.instances.create(pluginId, input)).rejects.toMatchObject({ code })
  })

  it('is not made for a plugin without routes, nor with a configuration that does not fit', async () => {
    await expect(ingress.provision({ config: { port: 'high' } })).rejects.toMatchObject({
      code: 'invalid_input',
      details: { messages: ['config.port must be a number'] },
    })
    await ingress.now.writer.commit([
      statement(ingress.now.db.update(plugins).set({ manifest: { id: 'desk' } })),
    ])
    await expect(ingress.provision()).rejects.toMatchObject({
      code: 'invalid_input',
      message: 'plugin desk is not ingress-capable',
    })
  })

  it('keeps a masked secret when its configuration is replaced, and loses what is left out', async () => {
    await ingress.provision({ config: { apiKey: 'k', port: 1 } })
    await ingress.now.instances.update('desk', 'main', { config: { apiKey: '***' } })
    const stored = { base: {}, sessions: {} }
    expect(await ingress.now.instances.configOf('desk', 'main', stored)).toEqual({ apiKey: 'k' })
    expect((await read())?.config).toEqual({ apiKey: '***' })
  })

  it('changes only what is said', async () => {
    await ingress.provision({ sessionScope: 's1', config: { port: 1 } })
    expect(await ingress.now.instances.update('desk', 'main', { enabled: false })).toMatchObject({
      enabled: false,
      sessionScope: 's1',
      secret: '***',
      config: { port: 1 },
    })
    expect(await ingress.now.instances.update('desk', 'main', { sessionScope: null })).toMatchObject({
      enabled: false,
      sessionScope: null,
    })
  })

  it('is gone when it is deleted, and unknown to every call', async () => {
    await ingress.provision()
    await ingress.now.instances.remove('desk', 'main')
    expect(await read()).toBe(null)
    expect(await listInstances(ingress.now.db, 'desk')).toEqual([])
    const { instances } = ingress.now
    for (const call of [
      () => instances.remove('desk', 'main'),
      () => instances.update('desk', 'main', {}),
      () => instances.regenerateSecret('desk', 'main'),
    ])
      await expect(call()).rejects.toMatchObject({ code: 'not_found' })
  })
})

describe('its configuration', () => {
  const stored = {
    base: { url: 'base', deep: { a: 1, b: 1 } },
    sessions: { s1: { url: 'slice', deep: { b: 2 } } },
  }

  it('lies over the slice of its session, which lies over the base', async () => {
    await ingress.provision({ sessionScope: 's1', config: { deep: { c: 3 } } })
    expect(await ingress.now.instances.configOf('desk', 'main', stored)).toEqual({
      url: 'slice',
      deep: { a: 1, b: 2, c: 3 },
    })
  })

  it('leaves the slice out where two enabled instances speak for the session', async () => {
    await ingress.provision({ sessionScope: 's1', config: { own: 1 } })
    await ingress.provision({ instanceId: 'second', sessionScope: 's1' })
    expect(await ingress.now.instances.configOf('desk', 'main', stored)).toEqual({ ...stored.base, own: 1 })
    await ingress.now.instances.update('desk', 'second', { enabled: false })
    expect(await ingress.now.instances.configOf('desk', 'main', stored)).toMatchObject({
      url: 'slice',
      own: 1,
    })
  })

  it('shows in the plugin: for all sessions in the base, for one in its slice, while it is enabled', async () => {
    await ingress.provision({ instanceId: 'all', config: { url: 'instance', deep: { b: 9 } } })
    await ingress.provision({ instanceId: 'one', sessionScope: 's1', config: { token: 't' } })
    expect(await ingress.now.instances.project('desk', stored)).toEqual({
      base: { url: 'instance', deep: { a: 1, b: 9 } },
      sessions: { s1: { url: 'slice', deep: { b: 2 }, token: 't' } },
    })
    for (const instanceId of ['all', 'one'])
      await ingress.now.instances.update('desk', instanceId, { enabled: false })
    expect(await ingress.now.instances.project('desk', stored)).toEqual(stored)
  })
})
