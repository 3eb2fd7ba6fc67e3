// What is looked at while and after plugins strike.
import type { AttackRig } from './attack-rig.ts'

/** Asks for the gateway's health until told to stop; gives how long each answer took, the shortest first. */
export function watchHealth(rig: AttackRig): () => Promise<number[]> {
  const times: number[] = []
  let isOver = false
  const done = (async () => {
    while (!isOver) {
      const start = performance.now()
      const status = await rig.health()
      if (status !== 200) throw new Error(`the gateway's health is ${status}`)
      times.push(performance.now() - start)
      await new Promise(resolve => setTimeout(resolve, 40))
    }
  })()
  // Whoever stops it hears of a failure; until then it is nobody's.
  done.catch(() => {})
  return async () => {
    isOver = true
    await done
    return times.sort((a, b) => a - b)
  }
}

/** What a plugin told in the log of its tries, each with what came of it. */
export function outcomesOf(rig: AttackRig, id: string): [name: string, what: string][] {
  return rig.gateway
    .output()
    .split('\n')
    .filter(line => line.includes(`"plugin":"${id}"`))
    .map(line => JSON.parse(line).msg as string)
    .filter(text => text.startsWith('outcome '))
    .map(text => JSON.parse(text.slice('outcome '.length)))
}
