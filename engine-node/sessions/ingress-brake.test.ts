import { EventEmitter } from 'node:events'
import { expect, it } from 'vitest'
import { brakeIngress, MAX_FRAMES_PER_TURN } from './ingress-brake.ts'

function createSocket() {
  const said: string[] = []
  let end = () => {}
  const socket = Object.assign(new EventEmitter(), {
    pause: () => void said.push('pause'),
    resume: () => void said.push('resume'),
  })
  brakeIngress(socket, run => {
    end = run
  })
  return {
    said,
    endOfTurn: () => end(),
    come(frames: number) {
      for (let frame = 0; frame < frames; frame += 1) socket.emit('message')
    },
  }
}

it('pauses a socket that brings too much in one turn, until the next', () => {
  const { said, come, endOfTurn } = createSocket()
  come(MAX_FRAMES_PER_TURN - 1)
  endOfTurn()
  come(MAX_FRAMES_PER_TURN - 1)
  expect(said).toEqual([])
  // What was read already comes in spite of it.
  come(40)
  expect(said).toEqual(['pause'])
  endOfTurn()
  expect(said).toEqual(['pause', 'resume'])
  come(MAX_FRAMES_PER_TURN)
  endOfTurn()
  expect(said).toEqual(['pause', 'resume', 'pause', 'resume'])
})
