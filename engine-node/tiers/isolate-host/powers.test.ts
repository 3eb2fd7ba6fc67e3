import { createHash, generateKeyPairSync, verify } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import { answer, createPowers } from './powers.ts'

let heard: unknown[] = []
beforeEach(() => {
  heard = []
})
const powers = createPowers({
  print: line => void heard.push(['print', line]),
  wake: ms => void heard.push(['wake', ms]),
  exit: code => void heard.push(['exit', code]),
  importModule: name => void heard.push(['import', name]),
  libraries: new Map([['stream', 'code of it']]),
})
const ask = (power: unknown, ...args: unknown[]) => JSON.parse(answer(powers, power, JSON.stringify(args)))
const base64 = (text: string) => Buffer.from(text).toString('base64')

describe('powers', () => {
  it('answer with plain data', () => {
    const sha256 = createHash('sha256').update('x').digest('base64')
    expect(ask('digest', 'sha256', null, base64('x'))).toEqual({ value: sha256 })
    expect(Buffer.from(ask('random', 8).value, 'base64').length).toBe(8)
    expect(ask('equal', base64('a'), base64('b'))).toEqual({ value: false })
    expect(ask('url', '/b', 'https://h.example/a').value).toMatchObject({
      href: 'https://h.example/b',
      hash: '',
    })
    const sealed = ask('aesGcm', true, base64('k'.repeat(32)), base64('n'.repeat(12)), '', 16, base64('text'))
    const opened = ask('aesGcm', false, base64('k'.repeat(32)), base64('n'.repeat(12)), '', 16, sealed.value)
    expect(opened).toEqual({ value: base64('text') })
    expect(ask('library', 'stream')).toEqual({ value: 'code of it' })
    expect(ask('url', 'https://h.example/a', null, ['port', '8080']).value.host).toBe('h.example:8080')
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' })
    const { value } = ask('sign', 'SHA256', { key, dsaEncoding: 'ieee-p1363' }, base64('x'))
    const signed = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const
    expect(verify('SHA256', Buffer.from('x'), signed, Buffer.from(value, 'base64'))).toBe(true)
  })

  it('pass on what the plugin prints, waits for and ends with', () => {
    ask('print', 'x'.repeat(100_000))
    ask('wake', 5)
    ask('exit', 3)
    ask('importModule', 'main')
    expect(heard).toEqual([
      ['print', 'x'.repeat(65_536)],
      ['wake', 5],
      ['exit', 3],
      ['import', 'main'],
    ])
  })

  const MB = 1024 * 1024
  it.each<[string, unknown, unknown[]]>([
    ['a power that does not exist', 'readFile', ['/etc/passwd']],
    ['a library that does not exist', 'library', ['fs']],
    ['a name from the prototype', 'constructor', []],
    ['another one', '__proto__', []],
    ['a name that is none', { toString: () => 'digest' }, []],
    ['an algorithm that does not exist', 'digest', ['none', null, '']],
    ['too much data', 'digest', ['sha256', null, 'A'.repeat(25 * MB)]],
    ['arguments that are missing', 'digest', ['sha256']],
    ['arguments of another kind', 'digest', [{}, null, []]],
    [
      'one argument too many, for what it is',
      'url',
      ['https://h.example', null, ['origin', 'https://other.example']],
    ],
    ['a key with a passphrase', 'sign', ['SHA256', { key: 'x', passphrase: 'p' }, '']],
    [
      'a key as large as a signature would take seconds for',
      'sign',
      ['SHA256', { key: 'x'.repeat(5_000) }, ''],
    ],
    ['no key', 'sign', ['SHA256', { key: 'x' }, '']],
    ['a key of no length of AES', 'aesGcm', [true, base64('key'), base64('iv'), '', 16, '']],
    ['a tag that is too short', 'aesGcm', [true, base64('k'.repeat(32)), base64('iv'), '', 1, '']],
    [
      'a sealed text that is not',
      'aesGcm',
      [false, base64('k'.repeat(32)), base64('iv'), '', 16, base64('x'.repeat(20))],
    ],
    ['a sealed text without a tag', 'aesGcm', [false, base64('k'.repeat(32)), base64('iv'), '', 16, '']],
    ['too many random bytes', 'random', [65_537]],
    ['fewer than none', 'random', [-1]],
    ['a URL that is none', 'url', ['nope', null]],
    ['a URL that is too long', 'url', [`https://h.example/${'a'.repeat(70_000)}`, null]],
  ])('refuse %s, in words and without a stack', (_, power, args) => {
    const { error } = ask(power, ...args)
    expect(error).toMatchObject({ name: expect.any(String), message: expect.any(String) })
    expect(Object.keys(error).sort().join()).toMatch(/^(code,)?message,name$/)
    expect(JSON.stringify(error)).not.toMatch(/ at |node:|\.ts/)
  })

  it('refuse arguments that are no JSON', () => {
    expect(JSON.parse(answer(powers, 'random', '{'))).toHaveProperty('error')
    expect(JSON.parse(answer(powers, 'random', undefined))).toHaveProperty('error')
  })
})
