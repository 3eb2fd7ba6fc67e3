import { describe, expect, it } from 'vitest'
import { openApp } from '../../test/support/api-app.ts'
import { type AuditView, MAX_AUDIT_ROWS } from '../contract/audit.ts'
import type { Engine } from '../contract/engine.ts'
import { insertAudit, listAudit } from '../db/audit.ts'

const audit = async (app: Awaited<ReturnType<typeof openApp>>, query = '') =>
  (await (await app.ask('GET', `/audit${query}`)).json()) as { data: AuditView[]; total: number }

describe('the audit', () => {
  it('tells who did what, from where, and how it ended', async () => {
    await using app = await openApp()
    const made = await app.ask('POST', '/auth/api-keys', {
      body: { name: 'for a shop' },
      headers: { 'user-agent': 'a client' },
    })
    const { id } = (await made.json()) as { id: string; apiKey: string }
    await app.ask('POST', `/auth/api-keys/${id}/revoke`)
    await app.ask('DELETE', '/plugins/p')
    const { data, total } = await audit(app)
    expect(total).toBe(3)
    expect(data).toMatchObject([
      {
        action: 'plugin_uninstalled',
        severity: 'warn',
        subject: 'p',
        statusCode: 503,
        errorMessage: 'There is no engine in this test',
      },
      { action: 'api_key_revoked', severity: 'warn', subject: id, statusCode: 200, errorMessage: null },
      {
        action: 'api_key_created',
        severity: 'info',
        actor: 'api_key',
        subject: id,
        apiKeyName: expect.any(String),
        ipAddress: '192.0.2.1',
        userAgent: 'a client',
        method: 'POST',
        path: '/api/auth/api-keys',
        statusCode: 201,
        createdAt: '2026-01-01T00:00:00.000Z',
      },
    ])
    expect(JSON.stringify(data)).not.toContain(app.adminKey)
  })

  it('counts an answer that says no as a failure', async () => {
    const engine = { call: async () => ({ success: false, message: 'not today' }) } as unknown as Engine
    await using app = await openApp({ deps: { engine } })
    expect((await app.ask('POST', '/plugins/p/enable')).status).toBe(200)
    expect((await audit(app)).data).toMatchObject([
      { action: 'plugin_enabled', severity: 'warn', statusCode: 200, errorMessage: 'not today' },
    ])
  })

  it('has nothing of who was not let in, or asked for nonsense', async () => {
    await using app = await openApp()
    await app.ask('DELETE', '/plugins/p', { key: 'wrong' })
    await app.ask('POST', '/auth/api-keys', { body: { name: 5 } })
    expect((await audit(app)).total).toBe(0)
  })

  it('can be asked for a part of it', async () => {
    await using app = await openApp()
    for (const name of ['first', 'second', 'third'])
      await app.ask('POST', '/auth/api-keys', { body: { name } })
    await app.ask('DELETE', '/plugins/p')
    expect((await audit(app, '?severity=info')).total).toBe(3)
    expect((await audit(app, '?action=plugin_uninstalled')).total).toBe(1)
    const page = await audit(app, '?limit=1&offset=1')
    expect([page.data.length, page.total]).toEqual([1, 4])
    expect((await audit(app, `?apiKeyId=${page.data[0]?.apiKeyId}`)).total).toBe(4)
    expect((await app.ask('GET', '/audit?severity=loud')).status).toBe(400)
  })

  it('goes on answering when it cannot be written', async () => {
    await using app = await openApp()
    await app.database.writer.commit([{ sql: 'DROP TABLE audit', args: [] }])
    expect((await app.ask('POST', '/auth/api-keys', { body: { name: 'abc' } })).status).toBe(201)
    expect(app.logged).toMatchObject([{ message: 'an action could not be written to the audit' }])
  })

  it('is bounded', async () => {
    await using app = await openApp()
    const { db } = app.deps
    const entry = { at: 1, action: 'plugin_crashed', subject: 'p' } as const
    const one = insertAudit(db, entry)
    const insert = one.slice(0, 1)
    await app.database.writer.commit(Array.from({ length: MAX_AUDIT_ROWS }, () => insert).flat())
    await app.database.writer.commit(insertAudit(db, { ...entry, subject: 'last' }))
    const { data, total } = await listAudit(db, { limit: 1, offset: 0 })
    expect([total, data[0]?.subject]).toEqual([MAX_AUDIT_ROWS, 'last'])
  })
})
