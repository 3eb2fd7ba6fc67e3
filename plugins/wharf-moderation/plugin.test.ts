import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createTestHost, type TestHost } from '../../engine-node/test-host/test-host.ts'
import manifest from './manifest.json' with { type: 'json' }
import Moderation from './plugin.ts'
import { findPhrases, holdsCardNumber, isWithin, linkedHosts, maskRanges } from './rules.ts'

let host: TestHost
beforeEach(async () => {
  const words = [{ text: 'darn' }, { text: 'Top Secret' }]
  host = await createTestHost({ manifest, plugin: Moderation, config: { words } })
})
afterEach(() => host[Symbol.asyncDispose]())

const passes = (text: string) =>
  host.send({ text }).then(
    () => true,
    error => {
      expect(error).toMatchObject({ code: 'sending_blocked', message: 'Message sending blocked by plugin' })
      return false
    },
  )

describe('moderation', () => {
  it('lets through what breaks no rule, as it is', async () => {
    const text = 'A darning needle, top-notch secrets: https://shop.example 4111'
    expect(await passes(text)).toBe(true)
    expect(host.sent).toMatchObject([{ text }])
  })

  it.each([
    'Darn!',
    'this is TOP secret',
    'top — secret',
    'd\u200barn it',
    'ＤＡＲＮ',
    '4111 1111 1111 1111',
  ])('refuses %j', async text => {
    expect(await passes(text)).toBe(false)
    expect(host.sent).toEqual([])
    expect(host.log.at(-1)?.message).not.toContain(text)
  })

  it('masks words when told to, and still refuses cards', async () => {
    await host.configure({ action: 'mask' })
    expect(await passes('Well, darn, a top secret')).toBe(true)
    expect(host.sent).toMatchObject([{ text: 'Well, ****, a **********' }])
    expect(await passes('4111-1111-1111-1111')).toBe(false)
  })

  it('refuses links but those to allowed domains', async () => {
    await host.configure({ blockLinks: true, allowedDomains: [{ domain: 'shop.example' }] })
    expect(await passes('see https://shop.example/a and www.eu.shop.example')).toBe(true)
    for (const text of ['https://evil.example', '(www.evil.example)', 'http://shop.example.evil.example/'])
      expect(await passes(text)).toBe(false)
  })

  it('judges captions too', async () => {
    const image = { sessionId: host.session, type: 'image', input: { chatId: '1@c.us', caption: 'darn' } }
    expect(await host.fire('message:sending', image)).toMatchObject({ continue: false })
  })

  it('refuses everything while its rules cannot be read', async () => {
    await host.configure({ words: [null] })
    expect(await passes('hello')).toBe(false)
    expect(host.hookFailures.at(-1)?.error).toContain('a row of words has no text')
    await host.configure({ words: [] })
    expect(await passes('hello')).toBe(true)
  })

  it('refuses nothing once it is off', async () => {
    await host.disable()
    expect(await passes('darn')).toBe(true)
  })
})

describe('the rules', () => {
  it.each([
    ['a cat sat', ['cat'], ['cat']],
    ['Über über', ['über'], ['Über', 'über']],
    ['one two one two', ['two one'], ['two one']],
    ['cat', ['', '!!'], []],
    ['concatenate', ['cat'], []],
  ])('find in %j the phrases %j', (text, phrases, found) => {
    expect(findPhrases(text, phrases).map(({ start, end }) => text.slice(start, end))).toEqual(found)
  })

  it('mask what was found and nothing else', () =>
    expect(maskRanges('a cat 😀 cat', findPhrases('a cat 😀 cat', ['cat']))).toBe('a *** 😀 ***'))

  it.each([
    ['4111111111111111', true],
    ['4111111111111112', false],
    ['4111 1111 1111 1111', true],
    ['378282246310005', true],
    ['41111111111111111111', false],
    ['call 15550000002', false],
  ])('take %s for a card: %s', (text, expected) => expect(holdsCardNumber(text)).toBe(expected))

  it('know the hosts of links', () => {
    expect(linkedHosts('x https://A.example/b <www.b.example> ftp://c.example d.example')).toEqual([
      'a.example',
      'www.b.example',
      'c.example',
    ])
    expect(isWithin('a.b.example', 'b.example')).toBe(true)
    expect(isWithin('ab.example', 'b.example')).toBe(false)
    expect(isWithin('b.example', '')).toBe(false)
  })
})
