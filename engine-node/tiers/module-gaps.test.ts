import { describe, expect, it } from 'vitest'
import { moduleGaps } from './module-gaps.ts'

const needs = (source: string, modules: string[] = []) => ({
  files: new Map([
    ['index.js', Buffer.from(source)],
    ['README.md', Buffer.from("require('net')")],
  ]),
  modules,
})

describe('what a package will not have', () => {
  const source = "require('node:crypto'); require('fs/promises'); require('child_process'); import 'http'"

  it('is in an isolate whatever there is no shim for', () => {
    expect(moduleGaps('isolate', needs(source, ['os']))).toEqual(
      ['child_process', 'fs/promises', 'http', 'os'].map(
        name => `The tier isolate has no ${name}, which the package asks for.`,
      ),
    )
  })

  it('is elsewhere what its manifest does not ask for, or what nobody gets', () => {
    for (const tier of ['process', 'worker'] as const)
      expect(moduleGaps(tier, needs(source, ['fs']))).toEqual([
        'The package loads child_process, which no plugin gets.',
        'The package loads http, which a plugin gets only where its manifest asks for it.',
      ])
  })

  it('is nothing for what every plugin has, for packages of its own, and for a plugin whose code is not looked at', () => {
    const ordinary = "require('zlib'); require('stream/promises'); require('./lib'); require('left-pad')"
    expect(moduleGaps('process', needs(ordinary))).toEqual([])
    expect(moduleGaps('process', { modules: ['fs'] })).toEqual([])
    expect(moduleGaps('isolate', {})).toEqual([])
  })
})
