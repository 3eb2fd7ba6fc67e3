import type { SignalDataSet, SignalDataTypeMap, SignalKeyStore, WAMessageContent } from 'baileys'
import { expect, it } from 'vitest'
import { createContactTokens } from './contact-tokens.ts'

const BOB = '15551110001@s.whatsapp.net'
const BOB_LID = '100@lid'
const WEEK_S = 604_800
const text: WAMessageContent = { conversation: 'x' }
const answer = { tag: 'iq', attrs: {} }
const settled = () => new Promise(setImmediate)

function rig() {
  const stored = new Map<string, SignalDataTypeMap['tctoken']>()
  const keys = {
    get: async (_: string, ids: string[]) =>
      Object.fromEntries(ids.flatMap(id => (stored.has(id) ? [[id, stored.get(id)]] : []))),
    async set({ tctoken = {} }: SignalDataSet) {
      for (const [id, entry] of Object.entries(tctoken)) if (entry) stored.set(id, entry)
    },
  } as SignalKeyStore
  const issued: string[][] = []
  const failures: unknown[] = []
  let answers: () => Promise<typeof answer | undefined> = async () => answer
  const tokens = createContactTokens({ keys, failed: error => void failures.push(error) })
  const sock = {
    serverProps: { lidTrustedTokenIssueToLid: false },
    signalRepository: { lidMapping: { getLIDForPN: async () => BOB_LID, getPNForLID: async () => BOB } },
    issuePrivacyTokens(jids: string[]) {
      issued.push(jids)
      return answers()
    },
  } as unknown as Parameters<typeof tokens.behind>[0]
  return {
    stored,
    issued,
    failures,
    keys: tokens.keys,
    async send(jid = BOB, content = text, relay: () => Promise<unknown> = async () => {}) {
      await tokens.behind(sock, { jid, content }, relay)
      await settled()
    },
    answersWith(given: typeof answers) {
      answers = given
    },
  }
}

it('tells of a contact behind the first message, and again in another week', async () => {
  const { send, issued, stored } = rig()
  await send()
  await send()
  await send(BOB_LID)
  expect(issued).toEqual([[BOB]])
  expect(stored.get(BOB_LID)).toMatchObject({ senderTimestamp: expect.any(Number) })
  // Weeks are those of the epoch and of the real clock, by which Baileys counts them.
  stored.set(BOB_LID, { token: Buffer.from('t'), senderTimestamp: Math.floor(Date.now() / 1_000) - WEEK_S })
  await send()
  expect(issued.length).toBe(2)
  expect(stored.get(BOB_LID)?.token.toString()).toBe('t')
})

it('is asked again where it was not answered, or refused, or the message could not go', async () => {
  const { send, issued, stored, failures, answersWith } = rig()
  await expect(send(BOB, text, () => Promise.reject(new Error('lost')))).rejects.toThrow('lost')
  expect(issued).toEqual([])
  answersWith(async () => undefined)
  await send()
  answersWith(() => Promise.reject(new Error('refused')))
  await send()
  expect([issued.length, failures.length, stored.size]).toEqual([2, 2, 0])
  answersWith(async () => answer)
  await send()
  await send()
  expect(issued.length).toBe(3)
})

it('keeps Baileys from asking meanwhile, and tells it what is stored then', async () => {
  const { send, keys, answersWith } = rig()
  const { promise, resolve } = Promise.withResolvers<typeof answer>()
  answersWith(() => promise)
  let seen: unknown
  await send(BOB, text, async () => {
    seen = (await keys.get('tctoken', [BOB_LID]))[BOB_LID]
  })
  expect(seen).toMatchObject({ token: Buffer.alloc(0), senderTimestamp: expect.any(Number) })
  expect((await keys.get('tctoken', ['other@lid']))['other@lid']).toBeUndefined()
  resolve(answer)
  await settled()
  expect(Object.keys(await keys.get('tctoken', [BOB_LID, '__index']))).toEqual([BOB_LID, '__index'])
})

it.each<[string, string, WAMessageContent]>([
  ['groups', '1@g.us', text],
  ['the status', 'status@broadcast', text],
  ['WhatsApp itself', '0@c.us', text],
  ['deletions', BOB, { protocolMessage: { type: 0 } }],
])('does not tell of %s', async (_, jid, content) => {
  const { send, issued } = rig()
  await send(jid, content)
  expect(issued).toEqual([])
})
