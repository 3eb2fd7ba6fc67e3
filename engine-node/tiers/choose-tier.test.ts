import { describe, expect, it } from 'vitest'
import { chooseTier, type TierVerdict, type TierWishes } from './choose-tier.ts'

const usual: TierWishes = {
  asked: null,
  fallback: 'process',
  weakest: 'worker',
  chosen: null,
  trusted: false,
  bundled: false,
  broken: { worker: ['It is no boundary.'], process: [], isolate: [] },
  unavailable: {},
}
const weakMachine = {
  broken: { worker: ['It is no boundary.'], process: ['Signals.'], isolate: ['Secrets.'] },
}

const allow = (tier: 'worker' | 'process' | 'isolate'): TierVerdict => ({ allow: true, tier })
const refuse = (why: string) => ({ allow: false, why: expect.stringContaining(why) })

const cases: [string, Partial<TierWishes>, unknown][] = [
  ['the default', {}, allow('process')],
  ['a stronger wish', { asked: 'isolate' }, allow('isolate')],
  ['a weaker wish, which is not heard', { asked: 'worker' }, allow('process')],
  ['the same wish', { asked: 'process' }, allow('process')],
  ["the operator's word over a stronger wish", { asked: 'isolate', chosen: 'process' }, allow('process')],
  ["the operator's word for a stronger tier", { chosen: 'isolate' }, allow('isolate')],
  ['a thread for a stranger', { chosen: 'worker' }, refuse('PLUGIN_TRUSTED')],
  ['a thread for a stranger by default', { fallback: 'worker' }, refuse('It is no boundary.')],
  ['a thread for one that is trusted', { chosen: 'worker', trusted: true }, allow('worker')],
  [
    'a thread where none is allowed, trusted or not',
    { chosen: 'worker', trusted: true, weakest: 'process' },
    refuse('PLUGIN_TIER_WEAKEST allows none below process'),
  ],
  ['a default below the weakest', { fallback: 'process', weakest: 'isolate' }, refuse('none below isolate')],
  ['a wish above the weakest', { asked: 'isolate', weakest: 'isolate' }, allow('isolate')],
  ['trust without a word on the tier', { trusted: true, asked: 'worker' }, allow('process')],
  ['a bundled plugin that asks for a thread', { bundled: true, asked: 'worker' }, allow('worker')],
  [
    'a bundled plugin that asks for less than is allowed',
    { bundled: true, asked: 'worker', weakest: 'process' },
    allow('process'),
  ],
  ['a bundled plugin that asks for nothing', { bundled: true }, allow('process')],
  ['a weak machine', weakMachine, refuse('Signals.')],
  ['a weak machine and a trusted plugin', { ...weakMachine, trusted: true }, allow('process')],
  ['a weak machine and a bundled plugin', { ...weakMachine, bundled: true }, allow('process')],
  ['a weak machine for isolates', { ...weakMachine, asked: 'isolate' }, refuse('Secrets.')],
  [
    'a tier that cannot run, with no other in its place',
    { asked: 'isolate', unavailable: { isolate: 'isolated-vm has no build' } },
    refuse('isolated-vm has no build'),
  ],
]

describe('chooseTier', () => {
  it.each(cases)('judges %s', (_, wishes, verdict) =>
    expect(chooseTier({ ...usual, ...wishes })).toEqual(verdict),
  )
})
