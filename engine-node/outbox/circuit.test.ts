import { describe, expect, it } from 'vitest'
import { circuitPauses, createCircuit } from './circuit.ts'

describe('circuit', () => {
  it('breaks after five failures in a row, and tests with one at growing pauses', () => {
    const circuit = createCircuit({ limit: 8, suspect: false })
    let now = 1_000_000
    for (let failure = 0; failure < 4; failure += 1) circuit.failed(now, 0)
    expect(circuit.room(now)).toBe(8)
    for (const pause of [...circuitPauses, circuitPauses.at(-1)!]) {
      circuit.failed(now, 0)
      expect([circuit.room(now), circuit.opensAt - now]).toEqual([0, pause])
      now = circuit.opensAt
      expect(circuit.room(now)).toBe(1)
    }
    circuit.succeeded()
    expect(circuit.room(now)).toBe(8)
  })

  it('rests once for failures that come together', () => {
    const circuit = createCircuit({ limit: 8, suspect: false })
    for (let failure = 0; failure < 8; failure += 1) circuit.failed(0, 0)
    expect(circuit.opensAt).toBe(circuitPauses[0])
  })

  it('forgives when there is a success between', () => {
    const circuit = createCircuit({ limit: 8, suspect: false })
    for (let round = 0; round < 20; round += 1) {
      for (let failure = 0; failure < 4; failure += 1) circuit.failed(0, 0)
      circuit.succeeded()
    }
    expect(circuit.room(0)).toBe(8)
  })

  it('heeds what the endpoint asks for, from the first time', () => {
    const circuit = createCircuit({ limit: 8, suspect: false })
    circuit.failed(0, 60_000)
    expect([circuit.room(59_999), circuit.room(60_000)]).toEqual([0, 8])
  })

  it('starts carefully with one that was failing', () => {
    expect(createCircuit({ limit: 8, suspect: true }).room(0)).toBe(1)
  })
})
