import { describe, expect, it } from 'vitest'
import { isEsModule, isolateGaps, missingModules } from './module-table.ts'

describe('missingModules', () => {
  it.each<[string, string, string[]]>([
    ['nothing', 'module.exports = {}', []],
    ['what there is', "require('node:crypto'); require(`path`); require('assert/strict')", []],
    ['what there is not', "const fs = require('fs'), h = require('node:http2')", ['fs', 'http2']],
    ['packages', "require('@scope/pack/sub'); require('left-pad')", ['@scope/pack/sub', 'left-pad']],
    ['own files', "require('./part'); require('../x.js'); require('/plugin/y')", []],
    [
      'imports',
      "import a, { b } from 'node:net'\nimport 'node:dgram'\nexport * from 'tls'",
      ['dgram', 'net', 'tls'],
    ],
    ['imports at run time', "await import('node:http')", ['http']],
    ['comments', "// require('fs')\n/* require('net') */ const url = 'https://x' + require('dns')", ['dns']],
    ['each once', "require('fs'); require('node:fs')", ['fs']],
    ['text that only looks so', "const s = 'we require(x)'; required('fs')", []],
  ])('finds %s', (_, source, missing) => expect(missingModules(source)).toEqual(missing))

  it('takes another list of what there is', () => expect(missingModules("require('fs')", ['fs'])).toEqual([]))
})

describe('a source that is made to be read for long', () => {
  // An expression that looks for the same end from each beginning would need hours for these.
  it.each([
    ['comments without an end', '/*'.repeat(500_000)],
    ['imports without an end', '\nimport}0'.repeat(100_000)],
    ['empty lines', '\n'.repeat(1_000_000)],
    ['blanks behind a word', `import${' '.repeat(1_000_000)}`],
  ])('%s', (_, source) => {
    expect(missingModules(source)).toEqual([])
    expect(isEsModule(source)).toBe(false)
    expect(isolateGaps({ '/plugin/a.js': source })).toEqual([])
  })
})

describe('isEsModule', () => {
  it.each<[string, boolean]>([
    ["import x from 'y'", true],
    ['export default class {}', true],
    ['export { a }', true],
    ["import('x')", false],
    ['exports.x = 1', false],
    ['const important = 1; exported = 2', false],
    ["/*\nimport x from 'y'\n*/", false],
  ])('knows %j', (source, is) => expect(isEsModule(source)).toBe(is))
})

describe('isolateGaps', () => {
  it('looks into all files of code', () =>
    expect(
      isolateGaps({
        '/plugin/a.js': "require('fs')",
        '/plugin/b.cjs': "require('crypto'); require('zlib'); require('http')",
        '/plugin/c.json': '{ "x": "require(\'net\')" }',
        '/plugin/d.mjs': "import cp from 'node:child_process'; const later = import('./a.js')",
      }),
    ).toEqual(['child_process', 'dynamic import', 'fs', 'http']))

  it('finds none in what an isolate loads', () =>
    expect(
      isolateGaps({
        '/plugin/a.mjs': "import { pipeline } from 'node:stream/promises'\nexport { gzip } from 'zlib'",
        '/plugin/b.js': "// import('x')\nrequire('node:assert/strict')",
      }),
    ).toEqual([]))
})
