// What comes twice and in any order: whatever the order, the same is stored. Every permutation of each story below, on the real
// pipeline and a real database, each once in one go and once with a restart in the middle.
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createHistory, type HistoryMessage } from '../../engine-node/history/history.ts'
import { createLog } from '../../engine-node/log.ts'
import { createPipeline, type Pipeline } from '../../engine-node/pipeline/pipeline.ts'
import { createRowIds } from '../../engine-node/pipeline/row-ids.ts'
import type { ReceivedMessage } from '../../engine-node/sessions/incoming.ts'
import type { Change, ReceivedChange } from '../../engine-node/sessions/incoming-change.ts'
import { createSealer } from '../../engine-node/store/sealer.ts'
import { createWriteQueue, type WriteQueue } from '../../engine-node/store/write-queue.ts'
import type { SessionId } from '../../src/contract/ids.ts'
import { insertSession } from '../../src/db/sessions.ts'
import { openFile, type TestDatabase } from '../support/api-database.ts'
import { eventLogAlone } from '../support/event-log.ts'
import { createFakeClock } from '../support/fake-clock.ts'

const BOB = '15551110001@c.us'
const BOB_LID = '900001@lid'
const EVE = '15551110666@c.us'
const ME = '15550000001@c.us'
const GROUP = '120363000000000001@g.us'

const clock = createFakeClock()
const sealer = createSealer(new Uint8Array(32))
const log = createLog('silent')
let database: TestDatabase
let queue: WriteQueue
let sessions = 0

beforeAll(async () => {
  database = await openFile()
  queue = createWriteQueue({
    target: { batch: statements => database.writer.commit(statements), reconnect: async () => {} },
    delay: async () => {},
  })
})
afterAll(async () => {
  await queue?.[Symbol.asyncDispose]()
  await database?.[Symbol.asyncDispose]()
})

/** What tells the pipeline and the history of one session, as a gateway has them between two starts. */
async function open() {
  const nextRowId = createRowIds(clock)
  const shared = { db: database.db, queue, sealer, clock, log, nextRowId }
  const unused = () => Promise.reject(new Error('no connection'))
  const pipeline: Pipeline = createPipeline({
    ...shared,
    record: eventLogAlone(clock.now).record,
    chain: { run: async (_event, data) => ({ continue: true, data }), order: () => [] },
    link: unused,
    isLive: () => true,
    files: {
      incoming: {
        expect: () => [],
        arrived() {},
        ready: async (_id: string, said: unknown) => said,
        restore() {},
        [Symbol.asyncDispose]: async () => {},
      },
      outgoing: { stage: unused, seal: unused },
    } as never,
    preview: async () => null,
    type: async () => {},
    randomBytes: length => new Uint8Array(length),
  })
  await pipeline.restore()
  const history = createHistory({
    ...shared,
    files: { expectOld: () => [] },
    limits: { rows: 100, bytes: 1_000_000 },
  })
  return {
    pipeline,
    history,
    async close() {
      await history[Symbol.asyncDispose]()
      await queue.settled()
      await pipeline[Symbol.asyncDispose]()
      await queue.settled()
    },
  }
}

type Gateway = Awaited<ReturnType<typeof open>>
type Step = (gateway: Gateway, sessionId: SessionId) => void | Promise<void>

interface Where {
  chatId?: string
  by?: string
  phoneId?: string | null
  lidId?: string | null
}

function messageOf(
  id: string,
  body: string,
  { chatId = BOB, by = BOB, ...ids }: Where = {},
): ReceivedMessage {
  const fromMe = by === ME
  const isGroup = chatId === GROUP
  return {
    message: {
      id,
      from: fromMe ? ME : chatId,
      to: fromMe ? chatId : ME,
      chatId,
      body,
      type: 'text',
      timestamp: 1_700_000_000,
      fromMe,
      isGroup,
      kind: isGroup ? 'group' : 'individual',
      ...(isGroup && { author: by }),
    },
    senderId: fromMe ? '' : by,
    person: { phoneId: fromMe ? chatId : by, lidId: null, ...ids },
    proto: new Uint8Array([1]),
    media: null,
  }
}

const message =
  (...of: Parameters<typeof messageOf>): Step =>
  ({ pipeline }, sessionId) =>
    pipeline.inbound.receive(sessionId, [messageOf(...of)])

const remembered =
  (...of: Parameters<typeof messageOf>): Step =>
  async ({ history }, sessionId) => {
    const found: HistoryMessage = { ...messageOf(...of), status: null }
    history.take({ sessionId, id: crypto.randomUUID(), length: 1, at: () => found })
    // It stores behind this turn; what comes next must not overtake it here.
    await new Promise(setImmediate)
    await new Promise(setImmediate)
  }

const undecrypted =
  (waMessageId: string): Step =>
  ({ pipeline }, sessionId) =>
    pipeline.inbound.miss(sessionId, [
      {
        waMessageId,
        chatId: BOB,
        senderId: BOB,
        from: BOB,
        to: ME,
        fromMe: false,
        author: null,
        person: { phoneId: BOB, lidId: null },
        type: 'unknown',
        timestamp: 1_700_000_000,
        reason: 'a test',
      },
    ])

const change =
  (id: string, targetId: string, at: number, change: Change, where: Where = {}): Step =>
  ({ pipeline }, sessionId) => {
    const { chatId = BOB, by = BOB } = where
    const fromMe = by === ME
    const received: ReceivedChange = {
      waMessageId: id,
      chatId,
      chatIds: chatId === GROUP ? [GROUP] : [BOB, BOB_LID],
      senderId: fromMe ? '' : by,
      sender: { phoneId: by, lidId: by === BOB ? BOB_LID : null },
      fromMe,
      isGroup: chatId === GROUP,
      from: by,
      to: chatId,
      author: chatId === GROUP ? by : null,
      targetId,
      at,
      change,
    }
    pipeline.inbound.change(sessionId, [received])
  }

const receipt =
  (waMessageId: string, status: 'delivered' | 'read'): Step =>
  ({ pipeline }, sessionId) =>
    pipeline.outbound.settle(sessionId, [{ waMessageId, chat: BOB, status }])

const edit = (body: string): Change => ({ kind: 'edit', body, type: 'text', mentionedIds: [] })
const reaction = (emoji: string): Change => ({ kind: 'reaction', emoji })

const stories: Record<string, { steps: Step[]; ends: object; mayRestart?: boolean }> = {
  'two edits of a message, which came twice': {
    steps: [
      message('T', 'first'),
      message('T', 'first'),
      change('E1', 'T', 10_000, edit('second')),
      change('E2', 'T', 20_000, edit('third')),
    ],
    ends: { body: 'third', type: 'text', metadata: { editedAt: 20, mentionedIds: [] } },
  },
  'reactions of two people, one of which was changed and one taken back': {
    steps: [
      message('T', 'first'),
      change('R1', 'T', 10_000, reaction('👍')),
      change('R2', 'T', 20_000, reaction('❤️')),
      change('R3', 'T', 10_000, reaction('🎉'), { by: ME }),
      change('R4', 'T', 30_000, reaction(''), { by: ME }),
    ],
    ends: { metadata: { reactions: { [BOB]: { emoji: '❤️', timestamp: 20 } } } },
  },
  'a pin and its end': {
    steps: [
      message('T', 'first'),
      change('P1', 'T', 10_000, { kind: 'pin', pinned: true, seconds: 100 }),
      change('P2', 'T', 20_000, { kind: 'pin', pinned: false, seconds: 0 }),
      change('P1', 'T', 10_000, { kind: 'pin', pinned: true, seconds: 100 }),
    ],
    ends: { metadata: null },
  },
  'an edit, a reaction and the revocation of a message': {
    steps: [
      message('T', 'first'),
      change('E1', 'T', 10_000, edit('second')),
      change('R1', 'T', 15_000, reaction('👍')),
      change('X1', 'T', 20_000, { kind: 'revoke' }),
    ],
    ends: { type: 'revoked', body: '', metadata: null, protoSealed: null },
  },
  'what somebody else would do to a message, which is not theirs to do': {
    steps: [
      message('T', 'first'),
      change('E1', 'T', 10_000, edit('forged'), { by: EVE }),
      change('X1', 'T', 20_000, { kind: 'revoke' }, { by: ME }),
      change('E2', 'T', 15_000, edit('second')),
    ],
    ends: { type: 'text', body: 'second' },
  },
  'what an admin of a group may do, and may not': {
    steps: [
      message('T', 'first', { chatId: GROUP }),
      message('U', 'other', { chatId: GROUP, by: EVE }),
      change('E1', 'T', 10_000, edit('forged'), { chatId: GROUP, by: EVE }),
      change('X1', 'U', 20_000, { kind: 'revoke' }, { chatId: GROUP, by: BOB }),
    ],
    ends: { type: 'text', body: 'first' },
  },
  'a message that is known by its lid alone, with changes by the phone': {
    steps: [
      message('T', 'first', { chatId: BOB_LID, by: BOB_LID, phoneId: null, lidId: BOB_LID }),
      change('E1', 'T', 10_000, edit('second')),
      change('R1', 'T', 20_000, reaction('👍')),
    ],
    ends: { body: 'second', metadata: { reactions: { [BOB]: { emoji: '👍', timestamp: 20 } } } },
  },
  'a message that could not be read at first, and its changes': {
    steps: [
      undecrypted('T'),
      message('T', 'first'),
      change('E1', 'T', 10_000, edit('second')),
      change('R1', 'T', 20_000, reaction('👍')),
    ],
    ends: { body: 'second', undecryptedSince: null },
  },
  'history that overlaps with what is live': {
    steps: [
      remembered('T', 'first'),
      message('T', 'first'),
      change('E1', 'T', 10_000, edit('second')),
      change('R1', 'T', 20_000, reaction('👍')),
    ],
    ends: { body: 'second', metadata: { reactions: { [BOB]: { emoji: '👍', timestamp: 20 } } } },
  },
  'history alone, after its changes': {
    steps: [
      remembered('T', 'first'),
      change('E1', 'T', 10_000, edit('second')),
      change('X1', 'T', 20_000, { kind: 'revoke' }),
    ],
    ends: { type: 'revoked', body: '' },
  },
  'the receipts of a message that was typed on the phone': {
    steps: [
      message('T', 'mine', { by: ME }),
      receipt('T', 'delivered'),
      receipt('T', 'read'),
      receipt('T', 'delivered'),
      message('T', 'mine', { by: ME }),
    ],
    ends: { status: 'read' },
    // A receipt that came before its message is in memory: WhatsApp promises none.
    mayRestart: false,
  },
}

function permutations<T>(of: readonly T[]): T[][] {
  if (of.length <= 1) return [[...of]]
  return of.flatMap((first, index) =>
    permutations(of.filter((_, other) => other !== index)).map(rest => [first, ...rest]),
  )
}

/** The messages of a session as readers see them; the order in which they came shows in their ids alone. */
async function state(sessionId: string) {
  const rows = await database.db.query.messages.findMany({
    where: (row, { eq }) => eq(row.sessionId, sessionId),
  })
  return rows
    .map(({ id: _, sessionId: __, createdAt: ___, ackedAt: ____, protoSealed, ...row }) => {
      const metadata = row.metadata as Record<string, unknown> | null
      const isEmpty =
        JSON.stringify(metadata ?? {}) === '{}' || JSON.stringify(metadata) === '{"reactions":{}}'
      return {
        ...row,
        metadata: isEmpty ? null : metadata,
        protoSealed: protoSealed === null ? null : 'sealed',
      }
    })
    .toSorted((a, b) => String(a.waMessageId).localeCompare(String(b.waMessageId)))
}

async function play(steps: readonly Step[], restartAt: number | null) {
  sessions += 1
  const sessionId = `00000000-0000-4000-8000-${String(sessions).padStart(12, '0')}` as SessionId
  await queue.commit([
    insertSession(database.db, {
      id: sessionId,
      name: `${sessions}`,
      status: 'ready',
      phone: ME.split('@')[0],
      createdAt: 0,
      updatedAt: 0,
    }),
  ])
  let gateway = await open()
  for (const [index, step] of steps.entries()) {
    if (index === restartAt) {
      await gateway.close()
      gateway = await open()
    }
    await step(gateway, sessionId)
  }
  await gateway.close()
  return await state(sessionId)
}

describe('in every order the same is stored of', () => {
  it.each(Object.keys(stories))('%s', async name => {
    const { steps, ends, mayRestart = true } = stories[name] ?? { steps: [], ends: {} }
    const expected = await play(steps, null)
    expect(expected[0]).toMatchObject(ends)
    // All beside each other, each in a session of its own: they share their commits.
    await Promise.all(
      permutations([...steps.keys()]).map(async order => {
        const inOrder = order.map(index => steps[index] as Step)
        expect(await play(inOrder, null), `in the order ${order}`).toEqual(expected)
        const restartAt = 1 + ((order[0] ?? 0) % (steps.length - 1))
        if (mayRestart)
          expect(await play(inOrder, restartAt), `${order}, restarted before ${restartAt}`).toEqual(expected)
      }),
    )
  })
})

it('stores two messages where only the id is the same', async () => {
  const steps = [
    message('T', 'of bob'),
    message('T', 'of eve', { chatId: EVE, by: EVE }),
    message('T', 'of bob in the group', { chatId: GROUP }),
    message('T', 'of eve in the group', { chatId: GROUP, by: EVE }),
  ]
  await Promise.all(
    permutations([...steps, ...steps.slice(0, 1)]).map(async order => {
      const bodies = (await play(order, null)).map(({ body }) => body)
      expect(bodies.toSorted()).toEqual(['of bob', 'of bob in the group', 'of eve', 'of eve in the group'])
    }),
  )
})
