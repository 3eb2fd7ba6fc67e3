// A session from its making to its end, against the emulated WhatsApp and with the real Baileys.
import { eq } from 'drizzle-orm'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { statement } from '../../src/db/db.ts'
import { authKeys } from '../../src/db/schema.ts'
import { toSession, updateSession } from '../../src/db/sessions.ts'
import { createRig, type Rig } from './session-rig.ts'

let rig: Rig
beforeEach(async () => {
  rig = await createRig()
})
afterEach(() => rig[Symbol.asyncDispose]())

const alice = () => rig.whatsapp.phone('15550000001', { name: 'Alice' })

describe('a new session', () => {
  it('shows a QR code, is scanned and becomes ready', async () => {
    await using gateway = await rig.gateway()
    const { methods } = gateway
    const sessionId = await gateway.create()
    expect(await gateway.row(sessionId)).toMatchObject({
      status: 'created',
      engineLoaded: false,
      phone: null,
    })
    const started = await methods['session.start']({ sessionId })
    expect(started).toMatchObject({ status: 'initializing', engineLoaded: true })
    await gateway.becomes(sessionId, 'qr_ready')
    const { qr, qrCode, status } = await methods['session.qr']({ sessionId })
    expect(status).toBe('qr_ready')
    expect(
      Buffer.from(qrCode.replace('data:image/png;base64,', ''), 'base64').subarray(1, 4).toString(),
    ).toBe('PNG')
    const phone = alice()
    await phone.scan(qr)
    const row = await gateway.becomes(sessionId, 'ready')
    expect(row).toMatchObject({ phone: phone.pn, lid: phone.lid, lastError: null, engineLoaded: true })
    expect(row.connectedAt).toBe(rig.clock.now())
    await expect(methods['session.qr']({ sessionId })).rejects.toMatchObject({
      code: 'qr_not_available',
      message: 'Session is already authenticated',
    })
  })

  it('comes back after a restart of the gateway without a new QR code', async () => {
    const phone = alice()
    const first = await rig.gateway()
    const sessionId = await first.linked(phone)
    await first.down()
    await phone.offline()
    await using second = await rig.gateway()
    expect(await second.row(sessionId)).toMatchObject({
      status: 'disconnected',
      desired: 'running',
      phone: phone.pn,
    })
    await second.sessions.restore()
    rig.clock.advance(1)
    await second.becomes(sessionId, 'ready')
    await phone.online()
  })

  it('stays down after a restart when it was stopped, and up to then keeps its account', async () => {
    const phone = alice()
    const first = await rig.gateway()
    const sessionId = await first.linked(phone)
    expect(await first.methods['session.stop']({ sessionId })).toMatchObject({
      status: 'disconnected',
      engineLoaded: false,
      phone: phone.pn,
    })
    await first.methods['session.stop']({ sessionId })
    await first.down()
    await using second = await rig.gateway()
    await second.sessions.restore()
    rig.clock.advance(1_000)
    expect(await second.row(sessionId)).toMatchObject({ status: 'disconnected', desired: 'stopped' })
    await second.methods['session.start']({ sessionId })
    await second.becomes(sessionId, 'ready')
  })

  it('is not taken for connected after the gateway was killed', async () => {
    const phone = alice()
    const first = await rig.gateway()
    const sessionId = await first.linked(phone)
    const other = await first.create('other')
    await first.down()
    await using second = await rig.gateway()
    const killed = { status: 'ready', engineLoaded: true, updatedAt: 0 } as const
    await second.queue.commit([sessionId, other].map(id => updateSession(second.db, id, killed)))
    await second.sessions.restore()
    expect(await second.row(sessionId)).toMatchObject({ status: 'disconnected', engineLoaded: false })
    expect(await second.row(other)).toMatchObject({ status: 'disconnected', engineLoaded: false })
    rig.clock.advance(1_000)
    await second.becomes(sessionId, 'ready')
    expect((await second.row(other)).status).toBe('disconnected')
  })

  it('says what is not so when it is asked too early or twice', async () => {
    await using gateway = await rig.gateway({ maxSessions: 1 })
    const { methods, sender } = gateway
    const sessionId = await gateway.create()
    const missing = '7d8f8f3e-0f0e-4a43-9d1c-2d5f0c7b8a11' as typeof sessionId
    const refused = (code: string, message: string) => ({ code, message })
    await expect(methods['session.create']({ name: 'main' })).rejects.toMatchObject({
      code: 'session_name_taken',
    })
    await expect(methods['session.start']({ sessionId: missing })).rejects.toMatchObject(
      refused('not_found', `Session with id '${missing}' not found`),
    )
    const notStarted = refused('session_not_started', 'Session is not started')
    await expect(methods['session.qr']({ sessionId })).rejects.toMatchObject(notStarted)
    await expect(methods['session.logout']({ sessionId })).rejects.toMatchObject(notStarted)
    await expect(methods['session.forceKill']({ sessionId })).rejects.toMatchObject(notStarted)
    const text = { chatId: '15551110001@c.us', text: 'x' } as Parameters<typeof sender.sendText>[1]
    await expect(sender.sendText(sessionId, text)).rejects.toMatchObject(notStarted)
    await methods['session.start']({ sessionId })
    await expect(methods['session.start']({ sessionId })).rejects.toMatchObject({
      code: 'session_already_started',
    })
    await expect(sender.sendText(sessionId, text)).rejects.toMatchObject({ code: 'session_not_ready' })
    const other = await gateway.create('other')
    await expect(methods['session.start']({ sessionId: other })).rejects.toMatchObject(
      refused('session_limit', 'Maximum concurrent sessions reached (1)'),
    )
  })
})

describe('a connection that ends', () => {
  it.each([
    ['abrupt', 0],
    ['close', 0],
    ['xmlstreamend', 0],
    ['503', 5_000],
  ] as const)('%s: is disconnected, and back after %i ms', async (kind, waitMs) => {
    await using gateway = await rig.gateway()
    const phone = alice()
    const sessionId = await gateway.linked(phone)
    phone.disconnect(kind)
    const { lastError, engineLoaded } = await gateway.becomes(sessionId, 'disconnected')
    expect(lastError).toMatch(/WhatsApp/)
    expect(engineLoaded).toBe(true)
    rig.clock.advance(waitMs - 1)
    if (waitMs > 0) expect((await gateway.row(sessionId)).status).toBe('disconnected')
    rig.clock.advance(1)
    expect(await gateway.becomes(sessionId, 'ready')).toMatchObject({ lastError: null })
    await phone.online()
  })

  it('515: is back at once', async () => {
    await using gateway = await rig.gateway()
    const phone = alice()
    const sessionId = await gateway.linked(phone)
    rig.clock.advance(60_000)
    phone.disconnect('515')
    await phone.offline()
    await phone.online()
    await gateway.becomes(sessionId, 'ready')
  })

  it('waits longer each time, until a connection holds', async () => {
    await using gateway = await rig.gateway({ random: () => 0.999_999 })
    const phone = alice()
    const sessionId = await gateway.linked(phone)
    rig.clock.advance(60_000)
    for (const waitMs of [1_000, 2_000, 4_000]) {
      phone.disconnect('abrupt')
      await gateway.becomes(sessionId, 'disconnected')
      rig.clock.advance(waitMs - 100)
      expect((await gateway.row(sessionId)).status).toBe('disconnected')
      rig.clock.advance(100)
      await gateway.becomes(sessionId, 'ready')
    }
    rig.clock.advance(60_000)
    phone.disconnect('abrupt')
    await gateway.becomes(sessionId, 'disconnected')
    rig.clock.advance(1_000)
    await gateway.becomes(sessionId, 'ready')
  })

  it('402: says why and for how long, waits for the end of the ban, and forgets it then', async () => {
    await using gateway = await rig.gateway()
    const phone = alice()
    const sessionId = await gateway.linked(phone)
    rig.whatsapp.loginFailure(402, { code: 101, expire: 3_600 })
    phone.disconnect('abrupt')
    await gateway.becomes(sessionId, 'disconnected')
    rig.clock.advance(0)
    const row = await gateway.becomes(sessionId, 'action_required')
    const until = rig.clock.now() + 3_600_000
    expect(toSession(row)).toMatchObject({
      lastError: expect.stringMatching(/banned .* \(402\): too many messages to people/),
      restriction: { kind: 'tos_block', code: '101', expiresAt: new Date(until).toISOString() },
      state: {
        since: new Date(rig.clock.now()).toISOString(),
        reason: 'banned_for_a_time',
        code: 402,
        isFinal: false,
        nextAction: 'wait',
        retryAt: new Date(until).toISOString(),
      },
    })
    rig.whatsapp.loginFailure(undefined)
    rig.clock.advance(3_599_999)
    expect((await gateway.row(sessionId)).status).toBe('action_required')
    rig.clock.advance(1)
    expect(toSession(await gateway.becomes(sessionId, 'ready'))).toMatchObject({
      restriction: null,
      state: { reason: null, nextAction: 'none', retryAt: null },
    })
  })

  it('401: stops, stays stopped, and links anew when it is started', async () => {
    const phone = alice()
    const first = await rig.gateway()
    const sessionId = await first.linked(phone)
    phone.disconnect('removed')
    expect(await first.becomes(sessionId, 'disconnected')).toMatchObject({
      desired: 'stopped',
      engineLoaded: false,
    })
    expect((await first.row(sessionId)).lastError).toContain('link it again')
    await first.down()
    await using second = await rig.gateway()
    await second.sessions.restore()
    rig.clock.advance(1_000)
    expect((await second.row(sessionId)).status).toBe('disconnected')
    await second.methods['session.start']({ sessionId })
    await second.scan(sessionId, phone)
  })

  it('440: waits for half a minute, and gives in after three tries', async () => {
    await using gateway = await rig.gateway()
    const phone = alice()
    const sessionId = await gateway.linked(phone)
    for (let round = 0; round < 3; round += 1) {
      phone.disconnect('replaced')
      await gateway.becomes(sessionId, 'disconnected')
      rig.clock.advance(29_999)
      expect((await gateway.row(sessionId)).status).toBe('disconnected')
      rig.clock.advance(1)
      await gateway.becomes(sessionId, 'ready')
    }
    phone.disconnect('replaced')
    expect(await gateway.becomes(sessionId, 'action_required')).toMatchObject({
      engineLoaded: false,
      desired: 'running',
      phone: phone.pn,
    })
  })

  it('403 at login: asks for a person and keeps the credentials', async () => {
    await using gateway = await rig.gateway()
    const phone = alice()
    const sessionId = await gateway.linked(phone)
    rig.whatsapp.loginFailure(403)
    phone.disconnect('abrupt')
    await gateway.becomes(sessionId, 'disconnected')
    rig.clock.advance(1)
    expect(await gateway.becomes(sessionId, 'action_required')).toMatchObject({ engineLoaded: false })
    rig.whatsapp.loginFailure(undefined)
    await gateway.methods['session.start']({ sessionId })
    await gateway.becomes(sessionId, 'ready')
  })

  it('keeps trying while WhatsApp cannot be reached', async () => {
    await using gateway = await rig.gateway()
    const phone = alice()
    const sessionId = await gateway.linked(phone)
    rig.whatsapp.refuse(true)
    phone.disconnect('abrupt')
    await gateway.becomes(sessionId, 'disconnected')
    for (let round = 0; round < 3; round += 1) {
      rig.clock.advance(1)
      await gateway.becomes(sessionId, 'disconnected')
    }
    rig.whatsapp.refuse(false)
    await expect
      .poll(async () => {
        rig.clock.advance(1)
        return (await gateway.row(sessionId)).status
      })
      .toBe('ready')
  })
})

describe('credentials that cannot be read', () => {
  const damage: Record<string, (sessionId: string) => { where: ReturnType<typeof eq>; isDelete: boolean }> = {
    'a damaged key': () => ({ where: eq(authKeys.type, 'pre-key'), isDelete: false }),
    'missing credentials': () => ({ where: eq(authKeys.type, 'creds'), isDelete: true }),
    'an emptied store': sessionId => ({ where: eq(authKeys.sessionId, sessionId), isDelete: true }),
  }

  it.each(Object.keys(damage))('%s stops the session and makes no new identity', async what => {
    await using gateway = await rig.gateway()
    const phone = alice()
    const sessionId = await gateway.linked(phone)
    await gateway.methods['session.stop']({ sessionId })
    const { where, isDelete } = damage[what]!(sessionId)
    await gateway.queue.commit([
      statement(
        isDelete
          ? gateway.db.delete(authKeys).where(where)
          : gateway.db
              .update(authKeys)
              .set({ valueSealed: Buffer.from('x') })
              .where(where),
      ),
    ])
    const before = await gateway.db.select().from(authKeys)
    await gateway.methods['session.start']({ sessionId })
    const row = await gateway.becomes(sessionId, 'failed')
    expect(row).toMatchObject({ engineLoaded: false, phone: phone.pn })
    expect(row.lastError).toMatch(/credentials of this session cannot be used.*Restore/)
    expect(await gateway.db.select().from(authKeys)).toEqual(before)
    expect(phone.isOnline).toBe(false)
  })

  it('another encryption key does the same, and the right one brings the session back', async () => {
    const phone = alice()
    const first = await rig.gateway()
    const sessionId = await first.linked(phone)
    await first.down()
    const second = await rig.gateway({ key: Buffer.alloc(32, 8) })
    await second.sessions.restore()
    rig.clock.advance(1)
    await second.becomes(sessionId, 'failed')
    await second.down()
    await using third = await rig.gateway()
    await third.sessions.restore()
    rig.clock.advance(1)
    await third.becomes(sessionId, 'ready')
  })

  it('are nowhere in the database in the clear', async () => {
    await using gateway = await rig.gateway()
    await gateway.linked(alice())
    const rows = await gateway.db.select().from(authKeys)
    expect(rows.length).toBeGreaterThan(800)
    for (const { valueSealed } of rows)
      expect(Buffer.from(valueSealed).toString('latin1')).not.toMatch(/Buffer|priv/)
  })
})

describe('the end of a session', () => {
  it('logout unlinks the device, forgets the account, and the next start shows a QR code', async () => {
    await using gateway = await rig.gateway()
    const phone = alice()
    const sessionId = await gateway.linked(phone)
    const answer = await gateway.methods['session.logout']({ sessionId })
    expect(answer).toMatchObject({
      status: 'disconnected',
      phone: null,
      engineLoaded: false,
      lastError: null,
    })
    await expect.poll(() => phone.isLinked).toBe(false)
    expect(await gateway.db.select().from(authKeys)).toEqual([])
    await gateway.methods['session.start']({ sessionId })
    await gateway.scan(sessionId, phone)
  })

  it('logout says when WhatsApp could not be told, and keeps the account', async () => {
    await using gateway = await rig.gateway()
    const phone = alice()
    const sessionId = await gateway.linked(phone)
    phone.disconnect('abrupt')
    await gateway.becomes(sessionId, 'disconnected')
    await expect(gateway.methods['session.logout']({ sessionId })).rejects.toMatchObject({
      code: 'session_logout_incomplete',
    })
    rig.clock.advance(1)
    await gateway.becomes(sessionId, 'ready')
  })

  it('force-kill ends it at once and keeps the account', async () => {
    await using gateway = await rig.gateway()
    const phone = alice()
    const sessionId = await gateway.linked(phone)
    expect(await gateway.methods['session.forceKill']({ sessionId })).toMatchObject({
      status: 'disconnected',
      engineLoaded: false,
      phone: phone.pn,
    })
    await phone.offline()
    await gateway.methods['session.start']({ sessionId })
    await gateway.becomes(sessionId, 'ready')
  })

  it('delete leaves nothing behind', async () => {
    await using gateway = await rig.gateway()
    const sessionId = await gateway.linked(alice())
    expect(await gateway.methods['session.delete']({ sessionId })).toBeNull()
    expect(await gateway.db.select().from(authKeys)).toEqual([])
    await expect(gateway.methods['session.delete']({ sessionId })).rejects.toMatchObject({
      code: 'not_found',
    })
    await gateway.create('main')
  })
})
