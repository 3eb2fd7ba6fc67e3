import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/contract/errors.ts'
import { createFakeClock } from '../../test/support/fake-clock.ts'
import { ACK_WAIT_MS, createLine, MAX_AGE_MS } from './line.ts'
import type { Outgoing } from './outgoing-message.ts'

const message = (id: string, more: Partial<Outgoing> = {}): Outgoing =>
  ({
    id: `row-${id}`,
    waMessageId: id,
    sessionId: 's',
    chatId: 'b@c.us',
    proto: Buffer.from(id),
    createdAt: createFakeClock().now(),
    ...more,
  }) as Outgoing
const turn = () => new Promise(setImmediate)

function setUp() {
  const clock = createFakeClock()
  /** What the socket got, `*` behind it where the reader's devices were asked for anew. */
  const sent: string[] = []
  const failures: string[] = []
  const faults: unknown[] = []
  let gate: Promise<void> = Promise.resolve()
  let isRecordable = true
  const line = createLine({
    clock,
    link: {
      async transmit({ proto }, { refreshDevices } = {}) {
        await gate
        const fault = faults.shift()
        if (fault) throw fault
        sent.push(`${Buffer.from(proto)}${refreshDevices ? '*' : ''}`)
      },
    },
    protoOf: async ({ waMessageId }) => Buffer.from(`stored ${waMessageId}`),
    async failed({ waMessageId }, { code, certain }) {
      if (!isRecordable) throw new Error('disk full')
      failures.push(`${waMessageId} ${code}${certain ? ' certain' : ''}`)
    },
    async expired({ waMessageId }) {
      failures.push(`${waMessageId} expired`)
    },
    onWritten() {},
  })
  return {
    ...{ clock, sent, failures, faults, line },
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>()
      gate = promise
      return resolve
    },
    breakDisk() {
      isRecordable = false
    },
  }
}

describe('line', () => {
  it.each([3_600_000, -3_600_000])('waits as long for an answer when the hour is set by %i ms', async ms => {
    const { clock, line, sent } = setUp()
    line.open([])
    await line.add(message('a'))
    clock.step(ms)
    clock.advance(ACK_WAIT_MS - 1)
    await turn()
    expect(sent).toEqual(['a'])
    clock.advance(1)
    await turn()
    expect(sent).toEqual(['a', 'stored a'])
  })

  it('lets nothing go before what was left, and then each after the other', async () => {
    const { line, sent, hold } = setUp()
    const added = line.add(message('C'))
    await turn()
    expect(sent).toEqual([])
    const release = hold()
    line.open([message('A', { proto: null }), message('B')])
    const later = line.add(message('D'))
    release()
    await Promise.all([added, later])
    expect(sent).toEqual(['stored A', 'B', 'C', 'D'])
  })

  it('sends once what was left and is added again', async () => {
    const { line, sent } = setUp()
    const twice = [line.add(message('A')), line.add(message('A'))]
    line.open([message('A')])
    await Promise.all(twice)
    expect(sent).toEqual(['A'])
  })

  it('sends again under the same id what is not acknowledged, three times and no more', async () => {
    const { line, sent, clock } = setUp()
    line.open([])
    await line.add(message('A'))
    for (let tries = 2; tries <= 4; tries += 1) {
      clock.advance(ACK_WAIT_MS)
      await turn()
    }
    // From the second time on its bytes are those of the row.
    expect(sent).toEqual(['A', 'stored A', 'stored A'])
  })

  it('forgets what is acknowledged', async () => {
    const { line, sent, clock } = setUp()
    line.open([])
    await line.add(message('A'))
    expect(line.find('A')).toMatchObject({ id: 'row-A' })
    line.acknowledged('A')
    expect(line.find('A')).toBeUndefined()
    clock.advance(ACK_WAIT_MS)
    await turn()
    expect(sent).toEqual(['A'])
  })

  it('asks for the devices anew after 479, once', async () => {
    const { line, sent } = setUp()
    line.open([])
    await line.add(message('A'))
    expect(line.refused('A', '479')).toBe(true)
    await turn()
    expect(sent).toEqual(['A', 'stored A*'])
    expect(line.refused('A', '479')).toBe(false)
    expect(line.refused('A', '463')).toBe(false)
  })

  it('gives up what cannot be sent once that is recorded, and goes on', async () => {
    const { line, sent, failures, faults } = setUp()
    line.open([])
    faults.push(new GatewayError('transport_failed', 'no', { certain: true }))
    await expect(line.add(message('A'))).rejects.toMatchObject({ code: 'transport_failed' })
    const unwanted = message('B', {
      assertWanted() {
        throw new GatewayError('plugin_stopped', 'stopped')
      },
    })
    await expect(line.add(unwanted)).rejects.toMatchObject({ code: 'plugin_stopped' })
    await line.add(message('C'))
    expect(failures).toEqual(['A transport_failed certain', 'B plugin_stopped certain'])
    expect(sent).toEqual(['C'])
  })

  it('never calls it certain that nothing left once a try has been written, and tries on', async () => {
    const { line, sent, failures, faults, clock } = setUp()
    const failing = () => new GatewayError('transport_failed', '429', { certain: true })
    line.open([])
    await line.add(message('A'))
    faults.push(failing(), failing())
    clock.advance(ACK_WAIT_MS)
    await turn()
    expect(failures).toEqual([])
    clock.advance(ACK_WAIT_MS)
    await turn()
    expect([sent, failures]).toEqual([['A'], ['A transport_failed']])
  })

  it('knows nothing of what an earlier connection has written', async () => {
    const { line, sent, failures, faults, clock } = setUp()
    faults.push(new GatewayError('transport_failed', '429', { certain: true }))
    line.open([message('A', { proto: null }), message('B', { proto: null })])
    await turn()
    expect([sent, failures]).toEqual([['stored B'], []])
    line.acknowledged('B')
    clock.advance(ACK_WAIT_MS)
    await turn()
    expect([sent, failures]).toEqual([['stored B', 'stored A'], []])
  })

  it('gives up what has no answer when it is too old, on a connection that holds', async () => {
    const { line, failures, clock } = setUp()
    line.open([])
    await line.add(message('A'))
    for (let each = 0; each < 4; each += 1) {
      clock.advance(ACK_WAIT_MS)
      await turn()
    }
    await line.add(message('B', { createdAt: clock.now() }))
    clock.advance(MAX_AGE_MS - 4 * ACK_WAIT_MS - 1)
    await turn()
    expect(failures).toEqual([])
    clock.advance(1)
    await turn()
    expect([failures, line.find('A'), line.find('B')?.id]).toEqual([['A expired'], undefined, 'row-B'])
  })

  it('takes what could not be recorded as accepted: its row goes out by the next connection', async () => {
    const { line, faults, breakDisk } = setUp()
    line.open([])
    breakDisk()
    faults.push(new GatewayError('transport_failed', 'no', { certain: true }))
    await expect(line.add(message('A'))).resolves.toBeUndefined()
  })

  it('waits for nothing once it is closed, and keeps no timer', async () => {
    const { line, clock, faults, failures } = setUp()
    const waiting = line.add(message('A'))
    line.open([])
    faults.push(new GatewayError('session_not_ready', 'lost'))
    await waiting
    expect(clock.pending).toBe(1)
    line.close()
    expect(clock.pending).toBe(0)
    await line.add(message('B'))
    expect([line.find('A'), line.find('B'), failures]).toEqual([undefined, undefined, []])
  })
})
