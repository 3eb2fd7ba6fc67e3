import { EventEmitter } from 'node:events'
import { beforeEach, expect, it } from 'vitest'
import { brakeIngress, MAX_FRAMES_PER_TURN as MAX, MAX_BACKLOG } from './ingress-brake.ts'

let client: EventEmitter
/** What came out, and what was done to the socket. */
let said: unknown[]
let ends: (() => void)[]
let backlog: number
/** All is written that was queued when it was asked for. */
let written: () => void

beforeEach(() => {
  client = new EventEmitter()
  said = []
  ends = []
  backlog = 0
  client.on('message', frame => said.push(frame)).on('close', () => said.push('close'))
  const socket = Object.assign(client, {
    pause: () => void said.push('pause'),
    resume: () => void said.push('resume'),
  })
  const queue = {
    backlog: () => backlog,
    after(ready: () => void) {
      written = ready
      return () => {}
    },
  }
  brakeIngress({ socket, queue, endOfTurn: run => void ends.push(run) })
})

const come = (from: number, count: number) => {
  for (let frame = from; frame < from + count; frame += 1) client.emit('message', frame)
}
const endOfTurn = () => {
  const due = ends
  ends = []
  for (const run of due) run()
}
const numbers = (from: number, count: number) => Array.from({ length: count }, (_, index) => from + index)

it('lets all in where little comes', () => {
  come(0, MAX)
  endOfTurn()
  come(MAX, MAX)
  expect(said).toEqual(numbers(0, 2 * MAX))
  endOfTurn()
  endOfTurn()
  expect(ends).toEqual([])
})

it('pauses the socket where more comes, and lets the rest in turn by turn', () => {
  come(0, 2 * MAX + 3)
  expect(said).toEqual([...numbers(0, MAX), 'pause'])
  endOfTurn()
  expect(said.slice(MAX + 1)).toEqual(numbers(MAX, MAX))
  endOfTurn()
  expect(said.slice(2 * MAX + 1)).toEqual([...numbers(2 * MAX, 3), 'resume'])
  endOfTurn()
  come(100, 1)
  expect(said.at(-1)).toBe(100)
})

it('keeps the order when more comes in the turn of what waited', () => {
  come(0, MAX + 2)
  endOfTurn()
  come(MAX + 2, MAX)
  for (let turn = 0; turn < 4; turn += 1) endOfTurn()
  expect(said.filter(each => typeof each === 'number')).toEqual(numbers(0, 2 * MAX + 2))
})

it('tells of a close behind the frames that came before it', () => {
  come(0, MAX + 2)
  client.emit('close')
  expect(said.slice(-3)).toEqual([MAX, MAX + 1, 'close'])
  endOfTurn()
  endOfTurn()
  expect(said.filter(each => each === MAX)).toHaveLength(1)
})

it('holds the rest back while too much waits for the disk', () => {
  backlog = MAX_BACKLOG + 1
  come(0, 3)
  endOfTurn()
  // It was on its way when the socket was paused.
  come(3, 2)
  expect(said).toEqual([0, 1, 2, 'pause'])
  endOfTurn()
  expect(said).toHaveLength(4)
  backlog = 0
  written()
  endOfTurn()
  expect(said).toEqual([0, 1, 2, 'pause', 3, 4, 'resume'])
  endOfTurn()
  come(5, 1)
  expect(said.at(-1)).toBe(5)
})
