import { describe, expect, it } from 'vitest'
import { onDisconnect } from './disconnect.ts'

const paired = (code: number | undefined, repeats = 1) => onDisconnect({ code, isPaired: true, repeats })

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
    expect(onDisconnect({ code: 408, isPaired: false, repeats: 1 })).toMatchObject({
      action: 'stop',
      status: 'disconnected',
      message: expect.stringContaining('scanned'),
    })
  })

  it('gives in to another program after three tries', () => {
    expect(paired(440, 3)).toMatchObject({ action: 'back-off' })
    expect(paired(440, 4)).toMatchObject({ action: 'stop', status: 'action_required' })
  })
})
