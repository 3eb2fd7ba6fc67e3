import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import { Manifest, meetsVersion, parseHostRule } from './manifest.ts'

describe('parseHostRule', () => {
  it.each([
    ['api.example.com', 'api.example.com', null],
    ['API.Example.com:443', 'api.example.com', 443],
    ['api.example.com.', 'api.example.com', null],
    ['bücher.example', 'xn--bcher-kva.example', null],
    ['*.cdn.example.net', '*.cdn.example.net', null],
    ['*', '*', null],
    ['localhost:7001', 'localhost', 7001],
    ['127.0.0.1', '127.0.0.1', null],
    ['[::1]:80', '[::1]', 80],
  ])('%s', (text, host, port) => expect(parseHostRule(text)).toEqual({ host, port }))

  it.each([
    '',
    ' ',
    '*.com',
    '*example.com',
    'a.*.com',
    '**',
    '*.*',
    '*.127.0.0.1',
    'https://x.com',
    'x.com/path',
    'u@x.com',
    'x.com:0',
    'x.com:99999',
    'x.com:y',
    'a b.com',
    'x.com?y',
    '[::1',
    '256.256.256.256',
    `${'a'.repeat(300)}.com`,
  ])('refuses %j', text => expect(parseHostRule(text)).toBeNull())
})

describe('meetsVersion', () => {
  it.each([
    ['0.24.0', '0.24.0', true],
    ['0.24.1', '0.24.0', false],
    ['0.9.9', '0.24.0', true],
    ['1.0.0', '0.24.0', false],
    ['0.24.0', '0.24.0-beta.1', true],
  ])('%s on %s: %s', (asked, running, expected) => expect(meetsVersion(asked, running)).toBe(expected))
})

describe('ingress in a manifest', () => {
  const manifest = {
    id: 'desk',
    name: 'Desk',
    version: '1.0.0',
    type: 'extension',
    main: 'index.js',
    permissions: ['webhook:ingress'],
    ingress: [{ route: 'chat', signature: { scheme: 'standard-webhooks' } }],
  }
  const faults = (input: object) =>
    v.safeParse(Manifest, input).issues?.map(issue => `${v.getDotPath(issue)}: ${issue.message}`)

  it('is kept as it stands', () => {
    expect(v.parse(Manifest, manifest)).toMatchObject({ ingress: manifest.ingress })
  })

  it('is judged with the rest, each fault by its path', () => {
    const broken = [{ route: 'a/b', signature: { scheme: 'standard-webhooks', toleranceSec: 0 } }]
    expect(faults({ ...manifest, permissions: [], sdkVersion: 1, ingress: broken })).toEqual([
      'sdkVersion: manifest.json sdkVersion must be a string such as "1"',
      "permissions: declares ingress routes but is missing the 'webhook:ingress' permission",
      'ingress.0.route: route must be one segment of a URL, without / \\ ? # % or control characters',
      'ingress.0.signature.toleranceSec: toleranceSec must be > 0: with less the guard against replays is none',
    ])
  })
})

describe('what a manifest may say of hosts, guards and pages', () => {
  const base = { id: 'p', name: 'P', version: '1.0.0', type: 'extension', main: 'index.js' }
  const faults = (more: Record<string, unknown>) => {
    const { success, issues } = v.safeParse(Manifest, { ...base, ...more })
    return success ? [] : issues.map(issue => [v.getDotPath(issue), issue.message])
  }

  it('is taken where it makes sense', () => {
    const net = {
      allow: ['a.example:443', '*'],
      deny: ['10.0.0.1', '*.b.example'],
      allowConfigHosts: ['url'],
    }
    const configUi = { entry: './ui/../ui/page.html', height: 600 }
    expect(faults({ net, configUi, failClosed: ['message:sending', 'webhook:before'] })).toEqual([])
    expect(faults({ net: { deny: null }, configUi: null, failClosed: null })).toEqual([])
  })

  it.each([
    [{ net: { deny: ['https://x.example'] } }, 'net.deny.0', 'is not a host, host:port or *.domain'],
    [{ net: { deny: 'x.example' } }, 'net.deny', 'must be an array of strings'],
    [{ failClosed: ['message:received'] }, 'failClosed.0', 'it may hold message:sending and webhook:before'],
    [{ failClosed: true }, 'failClosed', 'must be an array of strings'],
    [{ configUi: { entry: '../page.html' } }, 'configUi.entry', 'escapes the plugin directory'],
  ])('%j is refused with its path', (more, path, message) => {
    expect(faults(more)).toEqual([[path, expect.stringContaining(message)]])
  })
})
