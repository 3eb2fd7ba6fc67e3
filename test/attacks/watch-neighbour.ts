// The second plugin, asked again and again while another one strikes.
import { type AttackRig, NEIGHBOUR } from './attack-rig.ts'

const PAUSE_MS = 500

/** Asks it until told to stop; gives what it answered each time, of which there is at least one. */
export function watchNeighbour(rig: AttackRig): () => Promise<unknown[]> {
  const answers: unknown[] = []
  let isOver = false
  const done = (async () => {
    do {
      answers.push((await rig.gateway.ask('GET', `/plugins/${NEIGHBOUR}/health`)).body.message)
      await new Promise(resolve => setTimeout(resolve, PAUSE_MS))
    } while (!isOver)
  })()
  // Whoever stops it hears of a failure; until then it is nobody's.
  done.catch(() => {})
  return async () => {
    isOver = true
    await done
    return answers
  }
}
