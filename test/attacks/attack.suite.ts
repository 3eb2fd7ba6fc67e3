// Runs every attack of the table in one tier: install, enable, strike, wait, look at everything that must not have changed,
// uninstall.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { promises } from '../../engine-node/tiers/promises.ts'
import type { Tier } from '../../src/contract/plugin-view.ts'
import { until } from '../support/gateway.ts'
import { type AttackRig, NEIGHBOUR, openAttackRig } from './attack-rig.ts'
import { type Attack, attacks, type Ending } from './attack-table.ts'
import { outcomesOf, watchHealth } from './attack-watch.ts'
import { holdingsOf, waitForNothingLeft } from './orphans.ts'
import { watchNeighbour } from './watch-neighbour.ts'

const WITHIN_MS = 12_000

/** How long a plugin that was switched off is watched for what it must not do any more. */
const QUIET_MS = 200

/** What one attack may put into the log, whatever it writes. */
const MAX_LOG_CHARS = 3_000_000

/** A gateway that answers slower than this while a plugin strikes is being stalled. Half of the answers, since machines are busy. */
const HEALTH_MS = 200
const SLOWEST_HEALTH_MS = 3_000

export function attackSuite(tier: Tier): void {
  let rig: AttackRig
  let missing: readonly string[]
  const ask = (method: string, path: string, body?: unknown) => rig.gateway.ask(method, path, body)

  beforeAll(async () => {
    rig = await openAttackRig(tier, attacks.flatMap(idsOf))
    const { body } = await ask('GET', `/plugins/${NEIGHBOUR}`)
    expect(body.tier, 'the tier that was asked for').toBe(tier)
    missing = body.missingPromises
  }, 60_000)
  afterAll(async () => {
    if (process.env.ATTACKS_SHOW) console.log(rig?.gateway.output().slice(-3_000))
    await rig?.[Symbol.asyncDispose]()
  })

  async function strike({ strike: how = 'health' }: Attack, id: string) {
    if (how === 'nothing') return
    // Answers late or never where the plugin is being ended: that is looked at later.
    const health = how.includes('health') ? ask('GET', `/plugins/${id}/health`) : null
    if (how.includes('session')) await rig.makeSession()
    await health
    if (!how.includes('disable')) return
    await ask('POST', `/plugins/${id}/disable`)
    // From the moment on that this was answered, nothing of it takes effect.
    const calls = async () => (await ask('GET', `/plugins/${id}/calls`)).body.counts
    const then = await calls()
    await new Promise(resolve => setTimeout(resolve, QUIET_MS))
    expect(await calls()).toEqual(then)
  }

  const outcomes = (id: string) => outcomesOf(rig, id)

  /** The line of the audit that tells of its end. */
  async function endOf(id: string, withinMs: number): Promise<AuditLine | undefined> {
    const ended = (line: AuditLine) => line.subject === id && /crashed|misbehaved/.test(line.action)
    return await until(
      async () => ((await ask('GET', '/audit?limit=200')).body.data as AuditLine[]).find(ended),
      line => line !== undefined,
      withinMs,
    )
  }

  async function waitForEnd(ending: Ending, id: string, withinMs = WITHIN_MS) {
    if ('ends' in ending) expect((await endOf(id, withinMs))?.errorMessage).toMatch(ending.ends)
  }

  describe(`an attack in the tier ${tier}`, () => {
    // Where there is nothing to attack, a row has no test.
    const here = attacks.filter(attack => attack.in?.[tier] !== null)
    it.for(here)('$row $name', { timeout: 45_000 }, async (attack, { onTestFinished }) => {
      const ending = attack.in?.[tier] ?? attack.ending
      if (attack.promise !== null && promises[attack.promise].keptBy[tier] !== 'always') {
        // What is not promised is not struck: it may well succeed. But whoever runs the plugin must have been told.
        const { missing: sentence, keptBy } = promises[attack.promise]
        if (keptBy[tier] === 'never') expect(missing).toContain(sentence)
        if (missing.includes(sentence)) return
      }

      const { row, name, permissions = [], asks = {} } = attack
      const ids = idsOf(attack)
      const before = {
        holdings: holdingsOf(rig),
        row: await rig.canaryRow(),
        log: rig.gateway.output().length,
      }
      const sessions = row === 10 ? ['00000000-0000-4000-8000-000000000000'] : undefined
      const file = `${String(row).padStart(2, '0')}-${name}`
      for (const id of ids) await rig.install({ id, file, permissions, asks, ...(sessions && { sessions }) })

      // So that what failed here does not fail the next ones.
      onTestFinished(async () => {
        for (const id of ids) await ask('DELETE', `/plugins/${id}`)
      })
      const stopWatching = watchHealth(rig)
      const stopNeighbour = watchNeighbour(rig)
      const grants = (await ask('GET', `/plugins/${ids[0]}`)).body.asks
      for (const id of ids) {
        const { body } = await ask('POST', `/plugins/${id}/enable`, { grants })
        if ('fails' in ending)
          expect(body).toMatchObject({ success: false, message: expect.stringMatching(ending.fails) })
        else expect(body).toMatchObject({ success: true })
      }
      await Promise.all(ids.map(id => strike(attack, id)))
      for (const id of ids) await waitForEnd(ending, id, attack.withinMs)

      // The second plugin is served all along.
      const answers = await stopNeighbour()
      expect(answers).toEqual(answers.map(() => rig.secrets[2]))
      const times = await stopWatching()
      expect(times[Math.floor(times.length / 2)]).toBeLessThan(HEALTH_MS)
      expect(times.at(-1)).toBeLessThan(SLOWEST_HEALTH_MS)

      for (const id of ids) {
        const isTelling = 'refused' in ending && attack.strike === undefined
        // The log is another way than the answers, and may be a moment behind.
        const tries = await until(
          async () => outcomes(id),
          list => list.length > 0 || !isTelling,
          2_000,
        )
        if (process.env.ATTACKS_SHOW) console.log(id, JSON.stringify(tries))
        expect(tries.filter(([, what]) => what.startsWith('GOT'))).toEqual([])
        if ('refused' in ending && !attack.strike?.includes('disable'))
          expect((await ask('GET', `/plugins/${id}`)).body.runtime.state).toBe('running')
        const removed = await ask('DELETE', `/plugins/${id}`)
        expect(removed.body).toMatchObject({ success: true })
        const { data } = (await ask('GET', '/audit?limit=200')).body as { data: AuditLine[] }
        const actions = data.filter(line => line.subject === id).map(line => line.action)
        expect(actions).toContain('plugin_enabled')
        // One line for each end; only what strikes at its start ends again.
        const ends = actions.filter(action => /^plugin_(crashed|misbehaved)$/.test(action)).length
        if ('ends' in ending && attack.strike !== 'nothing') expect(ends).toBe(1)
        else if ('refused' in ending) expect(ends).toBe(0)
      }

      expect(process.kill(rig.pid, 0)).toBe(true)
      expect(rig.hits()).toBe(0)
      expect(rig.fileIsUntouched()).toBe(true)
      expect(await rig.canaryRow()).toEqual(before.row)
      const output = rig.gateway.output()
      expect(output.length - before.log).toBeLessThan(MAX_LOG_CHARS)
      expect(output.slice(before.log).includes('\u001b'), 'a raw escape is in the log').toBe(false)
      for (const secret of rig.secrets) expect(output.includes(secret), `${secret} is in the log`).toBe(false)
      await waitForNothingLeft(rig, before.holdings)
    })
  })
}

const idsOf = ({ row, name, copies = 1 }: Attack): string[] =>
  Array.from({ length: copies }, (_, n) => `${row}-${name}${n > 0 ? `-${n}` : ''}`)

interface AuditLine {
  action: string
  subject: string
  errorMessage: string | null
}
