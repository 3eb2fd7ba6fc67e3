import { describe, expect, it } from 'vitest'
import { readSettings } from './settings.ts'

describe('settings', () => {
  it('has a default for everything that a first start needs', () => {
    const settings = readSettings({})
    expect(settings).toMatchObject({
      DATA_DIR: 'data',
      HOST: '127.0.0.1',
      PORT: 2785,
      WHATSAPP_URL: 'wss://web.whatsapp.com/ws/chat',
      ENCRYPTION_KEY: null,
      SSRF_ALLOWED_HOSTS: [],
      PLUGIN_TIER: 'process',
    })
  })

  it('parses what is given and takes an empty value for none', () => {
    const settings = readSettings({
      PORT: '0',
      SSRF_ALLOWED_HOSTS: ' libretranslate:5000 , whisper',
      BASE_URL: '',
    })
    expect(settings.PORT).toBe(0)
    expect(settings.SSRF_ALLOWED_HOSTS).toEqual(['libretranslate:5000', 'whisper'])
    expect(settings.BASE_URL).toBeNull()
  })

  it('reports every fault at once, by name and without the value', () => {
    const read = () =>
      readSettings({ PORT: '70000', ENGINE_TOKEN: 'hunter2', WHATSAPP_URL: 'http://x', ENCRYPTION_KEY: 'zz' })
    expect(read).toThrow(expect.objectContaining({ code: 'settings_invalid' }))
    expect(read).toThrow(/PORT must be at most 65535; .*WHATSAPP_URL must be a ws: or wss: URL|WHATSAPP_URL/)
    for (const name of ['PORT', 'ENGINE_TOKEN', 'WHATSAPP_URL', 'ENCRYPTION_KEY']) expect(read).toThrow(name)
    expect(read).not.toThrow('hunter2')
  })

  it('reads tiers by plugin, and refuses what names no plugin or no tier', () => {
    expect(readSettings({}).PLUGIN_TIERS).toEqual(new Map())
    const { PLUGIN_TIERS, PLUGIN_TRUSTED } = readSettings({
      PLUGIN_TIERS: 'translation=isolate, my.bot=worker',
      PLUGIN_TRUSTED: 'my.bot',
    })
    expect([...PLUGIN_TIERS]).toEqual([
      ['translation', 'isolate'],
      ['my.bot', 'worker'],
    ])
    expect(PLUGIN_TRUSTED).toEqual(['my.bot'])
    for (const PLUGIN_TIERS of ['bot', 'bot=', '=worker', 'bot=thread', 'bot=worker=isolate'])
      expect(() => readSettings({ PLUGIN_TIERS })).toThrow(/PLUGIN_TIERS must be a list of id=tier/)
  })
})
