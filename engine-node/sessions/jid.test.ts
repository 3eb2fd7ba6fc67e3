import { describe, expect, it } from 'vitest'
import { chatKind, toJid, toNeutral } from './jid.ts'

describe('jid', () => {
  it.each([
    ['15550000001@s.whatsapp.net', '15550000001@c.us'],
    ['15550000001:3@s.whatsapp.net', '15550000001@c.us'],
    ['15550000001_1:3@s.whatsapp.net', '15550000001@c.us'],
    ['+15550000001@c.us', '15550000001@c.us'],
    ['15550000001:99@hosted', '15550000001@c.us'],
    ['123456:7@lid', '123456@lid'],
    ['123456:99@hosted.lid', '123456@lid'],
    ['1203630000-1600000000@g.us', '1203630000-1600000000@g.us'],
    ['120363@newsletter', '120363@newsletter'],
    ['status@broadcast', 'status@broadcast'],
  ])('%s is %s to everybody outside', (given, neutral) => {
    expect(toNeutral(given)).toBe(neutral)
    expect(toNeutral(neutral)).toBe(neutral)
  })

  it.each([
    ['15550000001@c.us', '15550000001@s.whatsapp.net'],
    ['15550000001@s.whatsapp.net', '15550000001@s.whatsapp.net'],
    ['123456@lid', '123456@lid'],
    ['1203@g.us', '1203@g.us'],
    ['status@broadcast', 'status@broadcast'],
  ])('%s is %s to Baileys', (given, jid) => expect(toJid(given)).toBe(jid))

  it.each([
    ['1@c.us', 'individual'],
    ['1@lid', 'individual'],
    ['1@g.us', 'group'],
    ['1@newsletter', 'channel'],
    ['status@broadcast', 'status'],
    ['1@broadcast', 'broadcast'],
    ['1@bot', 'unknown'],
  ])('%s is of kind %s', (id, kind) => expect(chatKind(id)).toBe(kind))
})
