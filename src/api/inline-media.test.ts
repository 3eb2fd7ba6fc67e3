import { describe, expect, it } from 'vitest'
import { GatewayError } from '../contract/errors.ts'
import type { MessageMedia } from '../contract/message.ts'
import { inlineMedia, type OpenFile } from './inline-media.ts'

const of = { sessionId: 's', chatId: 'c@c.us' }
const file = (waMessageId: string, sizeBytes: number, more: Partial<MessageMedia> = {}) => ({
  ...of,
  waMessageId,
  media: { mimetype: 'image/png', sizeBytes, archived: true, ...more },
})
const bytesOf = (length: number) => new Uint8Array(length).fill(65)
const asked: string[] = []
const open: OpenFile = async ({ messageId }) => {
  asked.push(messageId)
  if (messageId === 'GONE') throw new GatewayError('not_found', 'gone')
  const bytes = messageId === 'LIAR' ? 1_000 : Number(messageId)
  return { stream: new Response(bytesOf(bytes)).body as ReadableStream<Uint8Array>, bytes }
}

describe('inlineMedia', () => {
  it('gives the first ones whole, and names those for which there is no room', async () => {
    const files = [file('60', 60), file('50', 50), file('30', 30)]
    expect(await inlineMedia(files, { open, budget: 100 })).toEqual([
      { mimetype: 'image/png', archived: true, sizeBytes: 60, data: 'QUFB'.repeat(20) },
      { mimetype: 'image/png', archived: true, sizeBytes: 50, omitted: true },
      { mimetype: 'image/png', archived: true, sizeBytes: 30, data: 'QUFB'.repeat(10) },
    ])
  })

  it.each([
    ['that is not stored', file('1', 1, { archived: false, omitted: true })],
    ['that is gone by now', file('GONE', 1)],
    ['that is larger than it says', file('LIAR', 1)],
  ])('names a file %s', async (_what, given) => {
    const [shown] = await inlineMedia([given], { open, budget: 100 })
    expect(shown).toMatchObject({ omitted: true })
    expect(shown).not.toHaveProperty('data')
  })

  it('asks for nothing where files are elsewhere', async () => {
    asked.length = 0
    expect(await inlineMedia([file('1', 1)], { open: null, budget: 100 })).toMatchObject([{ omitted: true }])
    expect(await inlineMedia([file('1', 1)], { open, budget: 0 })).toMatchObject([{ omitted: true }])
    expect(asked).toEqual([])
  })

  it('is right for files of more than one piece', async () => {
    const [shown] = await inlineMedia([file('100000', 100_000)], { open, budget: 200_000 })
    expect(atob(shown?.data ?? '')).toBe('A'.repeat(100_000))
  })
})
