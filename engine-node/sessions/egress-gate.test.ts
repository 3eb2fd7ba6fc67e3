import { describe, expect, it } from 'vitest'
import { createEgressGate, type Sending } from './egress-gate.ts'

/** A queue whose commits happen when the test says so. */
function createHeldQueue() {
  let queued = 0
  let durable = 0
  let waiters: { at: number; ready: () => void }[] = []
  return {
    put() {
      queued += 1
    },
    after(ready: () => void) {
      if (queued === durable) {
        ready()
        return () => {}
      }
      const waiter = { at: queued, ready }
      waiters.push(waiter)
      return () => {
        waiters = waiters.filter(other => other !== waiter)
      }
    },
    commit() {
      durable = queued
      for (const { ready } of waiters.splice(0)) ready()
    },
    get waiting() {
      return waiters.length
    },
  }
}

function createGate() {
  const sent: string[] = []
  let upgraded: Parameters<Sending['once']>[1] = () => {}
  const socket: Sending = {
    send: (data: string | Uint8Array) => void sent.push(String(data)),
    once(_event, listener) {
      upgraded = listener
    },
  }
  const queue = createHeldQueue()
  let turn: (() => void)[] = []
  const gate = createEgressGate({ socket, queue, endOfTurn: run => turn.push(run) })
  const send = (text: string) =>
    (socket as { send(data: Uint8Array, done?: () => void): void }).send(Buffer.from(text))
  return {
    sent,
    connect: () =>
      upgraded({ socket: { cork: () => void sent.push('['), uncork: () => void sent.push(']') } }),
    socket: socket as { send(data: Uint8Array, done?: (error?: Error) => void): void },
    queue,
    gate,
    send,
    endTurn() {
      const due = turn
      turn = []
      for (const run of due) run()
    },
  }
}

describe('egress gate', () => {
  it('hands over in one write what may go in one moment', () => {
    const { sent, queue, send, endTurn, connect } = createGate()
    connect()
    queue.put()
    send('a')
    send('b')
    endTurn()
    expect(sent).toEqual([])
    queue.commit()
    expect(sent).toEqual(['[', 'a', 'b', ']'])
  })

  it('sends in order, and only after what was written before', () => {
    const { sent, queue, send, endTurn } = createGate()
    queue.put()
    send('a')
    send('b')
    endTurn()
    expect(sent).toEqual([])
    queue.commit()
    expect(sent).toEqual(['a', 'b'])
  })

  it('waits for what is written in the same turn after the frame', () => {
    const { sent, queue, send, endTurn } = createGate()
    send('receipt')
    queue.put()
    endTurn()
    expect(sent).toEqual([])
    queue.commit()
    expect(sent).toEqual(['receipt'])
  })

  it('answers the sender at once', () => {
    const { queue, socket } = createGate()
    queue.put()
    let isAnswered = false
    socket.send(Buffer.from('a'), () => {
      isAnswered = true
    })
    expect(isAnswered).toBe(true)
  })

  it('copies the frame: its buffer may be used again', () => {
    const { sent, socket, endTurn } = createGate()
    const buffer = Buffer.from('a')
    socket.send(buffer)
    buffer.write('z')
    endTurn()
    expect(sent).toEqual(['a'])
  })

  it('sends nothing after it is closed, be it from before', () => {
    const { sent, queue, send, endTurn, gate } = createGate()
    queue.put()
    send('a')
    endTurn()
    send('b')
    gate.close()
    endTurn()
    queue.commit()
    send('c')
    endTurn()
    expect(sent).toEqual([])
    expect(queue.waiting).toBe(0)
  })
})
