import { describe, expect, it } from 'vitest'
import { onDisconnect } from './disconnect.ts'

const NOW = 1_700_000_000_000
const paired = (code: number | undefined, repeats = 1) =>
  onDisconnect({ code, isPaired: true, repeats, now: NOW })

describe('disconnect', () => {
  it.each([
    [401, 'disconnected', true],
    [402, 'action_required', false],
    [403, 'action_required', false],
    [406, 'failed', false],
    [409, 'failed', false],
    [411, 'action_required', false],
  ])('%i stops the session as %s', (code, status, revoked) => {
    expect(paired(code)).toMatchObject({ action: 'stop', status, revoked })
  })

  it.each([
    [408, 0],
    [428, 0],
    [500, 0],
    [501, 5_000],
    [503, 5_000],
    [405, 300_000],
    [440, 30_000],
    [777, 0],
    [undefined, 0],
  ])('%s waits at least %i ms and tries again', (code, floorMs) => {
    expect(paired(code)).toMatchObject({ action: 'back-off', floorMs })
  })

  it('restarts at once after 515, and not at once for ever', () => {
    expect(paired(515)).toEqual({ action: 'reconnect' })
    expect(paired(515, 2)).toMatchObject({ action: 'back-off' })
  })

  it('never gives credentials up but for 401', () => {
    for (let code = 300; code < 600; code += 1) {
      const verdict = paired(code)
      expect(verdict.action === 'stop' && verdict.revoked).toBe(code === 401)
    }
  })

  it('stops pairing when nobody scanned, though a lost connection has the same code', () => {
    expect(onDisconnect({ code: 408, isPaired: false, repeats: 1, now: NOW })).toMatchObject({
      action: 'stop',
      status: 'disconnected',
      message: expect.stringContaining('scanned'),
      trouble: { reason: 'qr_expired', nextAction: 'start', isFinal: true },
    })
  })

  it.each([
    [401, 'unlinked', 'start', true],
    [402, 'banned_for_a_time', 'open_phone', true],
    [403, 'locked', 'open_phone', true],
    [405, 'version_refused', 'update', false],
    [406, 'banned', 'open_phone', true],
    [411, 'linked_devices_off', 'open_phone', true],
    [428, 'connection_closed', 'wait', false],
    [503, 'whatsapp_unavailable', 'wait', false],
    [777, 'connection_failed', 'wait', false],
  ])('%i says why, what helps, and whether it comes back by itself', (code, reason, nextAction, isFinal) => {
    expect(paired(code)).toMatchObject({ trouble: { code, reason, nextAction, isFinal } })
  })

  it.each([402, 403, 406])('%i restricts the account', code => {
    expect(paired(code)).toMatchObject({
      action: 'stop',
      restriction: { kind: 'tos_block', code: String(code), expiresAt: null },
    })
    expect(paired(428)).not.toHaveProperty('restriction')
  })

  it('waits for the end of a ban that has one, and says why', () => {
    const banned = (seconds: number) =>
      onDisconnect({ code: 402, isPaired: true, repeats: 1, now: NOW, notice: { ban: '101', seconds } })
    const expiresAt = new Date(NOW + 3_600_000).toISOString()
    expect(banned(3_600)).toMatchObject({
      action: 'back-off',
      status: 'action_required',
      floorMs: 3_600_000,
      message: expect.stringMatching(/people who do not know the number. It ends 20/),
      trouble: { reason: 'banned_for_a_time', nextAction: 'wait', isFinal: false },
      restriction: { kind: 'tos_block', code: '101', expiresAt },
    })
    // A timer of more than 24 days would fire at once.
    expect(banned(100 * 86_400)).toMatchObject({ floorMs: 20 * 86_400_000 })
  })

  it('gives in to another program after three tries', () => {
    expect(paired(440, 3)).toMatchObject({ action: 'back-off' })
    expect(paired(440, 4)).toMatchObject({ action: 'stop', status: 'action_required' })
  })
})
