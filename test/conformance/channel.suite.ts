// What every channel must do, whatever carries it. Call it with an opener; the far end is a mirror.
import { afterEach, describe, expect, it } from 'vitest'
import type { Channel } from '../../engine-node/rpc/channel.ts'
import { MAX_UNREAD_FRAMES } from '../../engine-node/rpc/inbox.ts'
import { createPeer } from '../../engine-node/rpc/peer.ts'
import { type ErrorCode, GatewayError } from '../../src/contract/errors.ts'
import { MAX_FRAME_BYTES } from '../../src/contract/frame-size.ts'
import { createFakeClock } from '../support/fake-clock.ts'

export interface ChannelUnderTest {
  name: string
  open(): Promise<{ channel: Channel; dispose(): Promise<void> }>
  /** The close reason when the far end dies: code, and what the message must show. */
  death: { code: ErrorCode; message: RegExp }
  /** Whether frames are bytes on the way, so that a broken one can be made. */
  bytes: boolean
}

const stopped = (message = 'stopped') => new GatewayError('plugin_stopped', message)

export function describeChannel({ name, open, death, bytes }: ChannelUnderTest): void {
  describe(`channel: ${name}`, () => {
    const opened: { dispose(): Promise<void> }[] = []
    async function start() {
      const under = await open()
      opened.push(under)
      const { channel } = under
      let id = 0
      const ask = (method: string, params?: unknown) => channel.send({ t: 'call', id: ++id, method, params })
      return { channel, ask }
    }
    afterEach(async () => {
      for (const under of opened.splice(0)) await under.dispose()
    })

    it('keeps the order of frames', async () => {
      const { channel, ask } = await start()
      for (let n = 1; n <= 1_000; n += 1) ask('echo', { n, text: 'é\u{1f600}"\\' })
      for (let n = 1; n <= 1_000; n += 1)
        expect(await channel.receive()).toEqual({ t: 'result', id: n, value: { n, text: 'é\u{1f600}"\\' } })
    })

    it('carries a frame of 10 MB, and small ones around it', async () => {
      const { channel, ask } = await start()
      const large = 'x'.repeat(10_000_000)
      ask('echo', 'before')
      ask('echo', large)
      ask('echo', 'after')
      const values = []
      for (let n = 0; n < 3; n += 1) values.push(await channel.receive())
      expect(values.map(frame => (frame.t === 'result' ? frame.value : frame))).toEqual([
        'before',
        large,
        'after',
      ])
    })

    it('refuses to send what is too large or no JSON, and stays usable', async () => {
      const { channel, ask } = await start()
      expect(() => ask('echo', 'x'.repeat(MAX_FRAME_BYTES))).toThrow(
        expect.objectContaining({ code: 'frame_invalid' }),
      )
      expect(() => ask('echo', 1n)).toThrow(expect.objectContaining({ code: 'frame_invalid' }))
      ask('echo', 'still here')
      expect(await channel.receive()).toMatchObject({ value: 'still here' })
    })

    const badTexts = {
      'a kind that does not exist': '{"t":"transfer","id":1}',
      'an id that is none': '{"t":"result","id":0}',
      'a field too many': '{"t":"cancel","id":1,"pluginId":"other"}',
      null: 'null',
      'an array': '[]',
      'a nesting of 5000': `{"t":"result","id":1,"value":${'['.repeat(5_000)}${']'.repeat(5_000)}}`,
      'a million values': `{"t":"result","id":1,"value":[${'0,'.repeat(1_000_000)}0]}`,
    }
    for (const [what, text] of Object.entries(badTexts))
      it(`closes on ${what}`, async () => {
        const { channel, ask } = await start()
        ask('text', { text })
        await expect(channel.receive()).rejects.toMatchObject({ code: 'plugin_misbehaved' })
        expect(await channel.closed).toMatchObject({ code: 'plugin_misbehaved' })
      })

    const badBytes = {
      'text that is not JSON': Buffer.from([0, 0, 0, 3, 0x7b, 0x7b, 0x7b]),
      'an empty frame': Buffer.alloc(4),
      'the announcement of a frame that is too large': Buffer.from([0xff, 0xff, 0xff, 0xff]),
      'a frame one byte too large, by its prefix alone': (() => {
        const prefix = Buffer.alloc(4)
        prefix.writeUInt32BE(MAX_FRAME_BYTES + 1)
        return prefix
      })(),
    }
    // A pair in memory has no bytes to be wrong.
    for (const [what, sent] of bytes ? Object.entries(badBytes) : [])
      it(`closes on ${what}`, async () => {
        const { channel, ask } = await start()
        ask('bytes', { text: sent.toString('base64') })
        await expect(channel.receive()).rejects.toMatchObject({ code: 'plugin_misbehaved' })
      })

    it('leaves out keys named __proto__, at every depth', async () => {
      const { channel, ask } = await start()
      ask('text', {
        text: '{"t":"result","id":1,"value":{"a":[{"__proto__":{"isAdmin":true},"b":"__proto__"}],"\\u005f_proto__":1}}',
      })
      const frame = await channel.receive()
      expect(frame).toEqual({ t: 'result', id: 1, value: { a: [{ b: '__proto__' }] } })
      expect(JSON.stringify(frame)).not.toContain('isAdmin')
    })

    it('closes once, with the first reason, and drops what was not read', async () => {
      const { channel, ask } = await start()
      ask('echo', 1)
      const first = stopped('first')
      channel.close(first)
      channel.close(stopped('second'))
      expect(await channel.closed).toBe(first)
      await expect(channel.receive()).rejects.toBe(first)
      await expect(channel.receive()).rejects.toBe(first)
      expect(() => ask('echo', 2)).not.toThrow()
    })

    it('gives what arrived before the far end died, then the reason', async () => {
      const { channel, ask } = await start()
      ask('burst-and-die', { count: 3 })
      expect(await channel.closed).toMatchObject({ code: death.code })
      for (let n = 1; n <= 3; n += 1) expect(await channel.receive()).toMatchObject({ t: 'event', params: n })
      await expect(channel.receive()).rejects.toMatchObject({
        code: death.code,
        message: expect.stringMatching(death.message),
      })
    })

    it('closes when more is sent than is read', async () => {
      const { channel, ask } = await start()
      ask('burst', { count: MAX_UNREAD_FRAMES + 2 })
      expect(await channel.closed).toMatchObject({ code: 'plugin_misbehaved' })
    })

    it('lets a peer withdraw a call, and rejects all that wait when the far end dies', async () => {
      const { channel } = await start()
      const clock = createFakeClock()
      const peer = createPeer({ channel, remote: 'guest', methods: new Map(), events: new Map(), clock })
      const late = peer.call('never', null, { timeoutMs: 5_000 })
      clock.advance(5_000)
      await expect(late).rejects.toMatchObject({ code: 'plugin_timeout' })
      expect(await peer.call('cancelled', null, { timeoutMs: 5_000 })).toEqual([1])

      const waiting = [
        peer.call('never', null, { timeoutMs: 5_000 }),
        peer.call('die', null, { timeoutMs: 5_000 }),
      ]
      for (const call of waiting) await expect(call).rejects.toMatchObject({ code: death.code })
      await expect(peer.call('echo', 1, { timeoutMs: 5_000 })).rejects.toMatchObject({ code: death.code })
      expect(clock.pending).toBe(0)
    })
  })
}
