import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createTestHost, type TestHost } from '../../engine-node/test-host/test-host.ts'
import manifest from './manifest.json' with { type: 'json' }
import Translation from './plugin.ts'

const GROUP = '120@g.us'
const [ADMIN, MEMBER] = ['15550000008@c.us', '15550000009@c.us']
const person = (id: string, isAdmin: boolean) => ({
  id,
  number: id.replace(/@.*/, ''),
  isAdmin,
  isSuperAdmin: false,
})

let host: TestHost
let asked: { url: string; body: Record<string, unknown> }[]
let detected: string
let isDown: boolean

async function start(config: Record<string, unknown> = {}) {
  asked = []
  detected = 'de'
  isDown = false
  host = await createTestHost({
    manifest,
    plugin: Translation,
    config,
    groups: {
      [GROUP]: {
        id: GROUP,
        name: 'Friends',
        description: null,
        owner: ADMIN,
        createdAt: null,
        isReadOnly: false,
        isAnnounce: false,
        linkedParentJID: null,
        participants: [person(ADMIN, true), person(MEMBER, false)],
      },
    },
    server({ url, text }) {
      const body = JSON.parse(text) as { q: string; target: string }
      asked.push({ url, body })
      if (isDown) return { status: 503 }
      return {
        body: JSON.stringify({
          translatedText: `${body.target}: ${body.q}`,
          detectedLanguage: { language: detected },
        }),
      }
    },
  })
}
beforeEach(() => start())
afterEach(() => host[Symbol.asyncDispose]())

/** The hook answers before the work is done, so the outcome is waited for. */
const answered = (text: string) => vi.waitFor(() => expect(host.sent.at(-1)?.text).toBe(text))
const isLogged = (text: string) =>
  vi.waitFor(() =>
    expect(host.log.map(({ message }) => message)).toContainEqual(expect.stringContaining(text)),
  )

describe('translation', () => {
  it('leaves a chat alone that has no language', async () => {
    await host.receive({ body: 'Guten Tag' })
    await host.receive({ body: '!translate' })
    await answered('Write !translate and a language such as "en", or "off".')
    expect(asked).toEqual([])
  })

  it('translates from the command on, until it is off', async () => {
    await host.receive({ body: '!translate en' })
    await answered('Messages are translated to en.')
    await host.receive({ body: 'Guten Tag' })
    await answered('en: Guten Tag')
    expect(asked).toEqual([
      {
        url: 'http://localhost:5000/translate',
        body: { q: 'Guten Tag', source: 'auto', target: 'en', format: 'text' },
      },
    ])
    await host.receive({ body: '!translate off' })
    await answered('Translation is off.')
    await host.receive({ body: 'Guten Tag' })
    await host.health()
    expect(asked).toHaveLength(1)
  })

  it('keeps silent about what is in the language already', async () => {
    await host.receive({ body: '!translate de' })
    await answered('Messages are translated to de.')
    await host.receive({ body: 'Guten Tag' })
    await vi.waitFor(() => expect(asked).toHaveLength(1))
    await host.health()
    expect(host.sent).toHaveLength(1)
  })

  it('translates the quoted message when the command stands alone', async () => {
    await host.receive({ body: '!translate es' })
    await answered('Messages are translated to es.')
    await host.receive({ body: '!translate', quotedMessage: { id: 'Q', body: 'Hello' } })
    await answered('es: Hello')
  })

  it('takes the language of a group from its admins only', async () => {
    await host.receive({ chatId: GROUP, author: MEMBER, body: '!translate en' })
    await answered('Only admins set the language here.')
    await host.receive({ chatId: GROUP, author: ADMIN, body: '!translate en' })
    await answered('Messages are translated to en.')
  })

  it('refuses what is no language', async () => {
    await host.receive({ body: '!translate english!' })
    await answered('"english!" is no language code. Try "en" or "es".')
    expect(host.storage.size).toBe(0)
  })

  it('says in the log what the server failed at', async () => {
    await host.configure({ language: 'en' })
    isDown = true
    await host.receive({ body: 'Guten Tag' })
    await isLogged('LibreTranslate answered 503')
    expect(host.sent).toEqual([])
  })

  it('reaches a configured server by https, with its key, and no other', async () => {
    await host[Symbol.asyncDispose]()
    await start({ libretranslateUrl: 'https://translate.example/', apiKey: 'k', language: 'en' })
    await host.receive({ body: 'Guten Tag' })
    await answered('en: Guten Tag')
    expect(asked).toMatchObject([{ url: 'https://translate.example/translate', body: { api_key: 'k' } }])
    await host.configure({ libretranslateUrl: 'http://translate.example' })
    await host.receive({ body: 'Guten Tag' })
    await isLogged('add its host to net.allow or net.allowConfigHosts')
  })
})
