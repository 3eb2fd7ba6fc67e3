// Random mixes of attacks at once: what one plugin breaks must not be what keeps another one in. ATTACK_MIXES says how many,
// ATTACK_SEED which; a failure names both.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { promises } from '../../engine-node/tiers/promises.ts'
import { until } from '../support/gateway.ts'
import { type AttackRig, NEIGHBOUR, openAttackRig } from './attack-rig.ts'
import { type Attack, attacks } from './attack-table.ts'
import { outcomesOf, watchHealth } from './attack-watch.ts'

const MIXES = Number(process.env.ATTACK_MIXES ?? 2)
const SEED = Number(process.env.ATTACK_SEED ?? 1)
const AT_ONCE = 5

const HEALTH_MS = 200
const SLOWEST_HEALTH_MS = 3_000

/** Numbers from 0 to 1 that are the same for a seed (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
}

/** So many of them, each at most once. */
function pick<T>(from: readonly T[], count: number, random: () => number): T[] {
  const rest = [...from]
  return Array.from({ length: Math.min(count, rest.length) }, () => {
    const [picked] = rest.splice(Math.floor(random() * rest.length), 1)
    return picked as T
  })
}

const idOf = ({ row, name }: Attack) => `mix-${row}-${name}`
const fileOf = ({ row, name }: Attack) => `${String(row).padStart(2, '0')}-${name}`

describe('attacks at once in the tier process', () => {
  let rig: AttackRig
  let known: Attack[]
  const ask = (method: string, path: string, body?: unknown) => rig.gateway.ask(method, path, body)

  beforeAll(async () => {
    rig = await openAttackRig('process', attacks.map(idOf))
    const missing: string[] = (await ask('GET', `/plugins/${NEIGHBOUR}`)).body.missingPromises
    known = attacks.filter(({ promise }) => promise === null || !missing.includes(promises[promise].missing))
  }, 60_000)
  afterAll(() => rig?.[Symbol.asyncDispose]())

  async function strike(attack: Attack): Promise<void> {
    const id = idOf(attack)
    const grants = (await ask('GET', `/plugins/${id}`)).body.asks
    // It may well fail, and so may what follows: what counts is what is left standing.
    await ask('POST', `/plugins/${id}/enable`, { grants })
    const how = attack.strike ?? 'health'
    const health = how.includes('health') ? ask('GET', `/plugins/${id}/health`) : null
    if (how.includes('session')) await rig.makeSession()
    await health
    if (how.includes('disable')) await ask('POST', `/plugins/${id}/disable`)
  }

  it.for(Array.from({ length: MIXES }, (_, n) => SEED + n))('seed %i', { timeout: 120_000 }, async seed => {
    const mix = pick(known, AT_ONCE, randomFrom(seed))
    const names = mix.map(fileOf).join(', ')
    const before = { processes: rig.descendants(), row: await rig.canaryRow() }
    for (const attack of mix) {
      const { permissions = [], asks = {} } = attack
      await rig.install({ id: idOf(attack), file: fileOf(attack), permissions, asks })
    }

    const stopWatching = watchHealth(rig)
    await Promise.all(mix.map(strike))
    expect(await rig.neighbourValue(), names).toBe(rig.secrets[2])
    const times = await stopWatching()
    expect(times[Math.floor(times.length / 2)], names).toBeLessThan(HEALTH_MS)
    expect(times.at(-1), names).toBeLessThan(SLOWEST_HEALTH_MS)

    for (const attack of mix) {
      const tries = outcomesOf(rig, idOf(attack))
      expect(tries.filter(([, what]) => what.startsWith('GOT'))).toEqual([])
      expect((await ask('DELETE', `/plugins/${idOf(attack)}`)).body, names).toMatchObject({ success: true })
    }
    expect(process.kill(rig.pid, 0)).toBe(true)
    expect(rig.hits(), names).toBe(0)
    expect(rig.fileIsUntouched(), names).toBe(true)
    expect(await rig.canaryRow()).toEqual(before.row)
    for (const secret of rig.secrets) expect(rig.gateway.output().includes(secret), names).toBe(false)
    await until(
      async () => rig.descendants().filter(pid => !before.processes.includes(pid)),
      left => left.length === 0,
      3_000,
    )
  })
})
