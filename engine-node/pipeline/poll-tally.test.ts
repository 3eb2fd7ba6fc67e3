import { proto } from 'baileys'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { insertChange, openPolls } from '../../src/db/message-changes.ts'
import { insertMessage } from '../../src/db/message-writes.ts'
import { findMessage } from '../../src/db/messages.ts'
import { insertSession } from '../../src/db/sessions.ts'
import { openFile, type TestDatabase } from '../../test/support/api-database.ts'
import { sealVote } from '../../test/whatsapp/voice.ts'
import { createLog } from '../log.ts'
import { sealProto } from '../sessions/stored-proto.ts'
import { made } from '../store/queued-statement.ts'
import { createSealer } from '../store/sealer.ts'
import { createLanes, type Lanes } from './lanes.ts'
import { createPollTally, type PollTally } from './poll-tally.ts'

const sessionId = '7d8f8f3e-0f0e-4a43-9d1c-2d5f0c7b8a11'
const [ME, ANN, BOB] = ['1@c.us', '2@c.us', '3@c.us']
const GROUP = '9@g.us'
const SECRET = Buffer.alloc(32, 1)
const key = { sessionId, chatIds: [GROUP], targetId: 'POLL' }
const sealer = createSealer(Buffer.alloc(32, 7))
let database: TestDatabase
let lanes: Lanes
let tally: PollTally
let commits: number
let votes: number

beforeEach(async () => {
  database = await openFile()
  commits = 0
  votes = 0
  const { db, writer } = database
  const poll = { name: 'q', options: [{ optionName: 'tea' }, { optionName: 'milk' }] }
  const message = { messageContextInfo: { messageSecret: SECRET }, pollCreationMessage: poll }
  const bytes = proto.WebMessageInfo.encode({ key: { remoteJid: GROUP, id: 'POLL' }, message }).finish()
  await writer.commit([
    insertSession(db, { id: sessionId, name: 'm', status: 'ready', phone: '1', createdAt: 0, updatedAt: 0 }),
    insertMessage({
      ...{ id: 'row', sessionId, waMessageId: 'POLL', chatId: GROUP, senderId: '', from: ME, to: GROUP },
      ...{ type: 'poll', direction: 'outgoing', status: 'sent', createdAt: 0 },
      protoSealed: sealProto(sealer, sessionId, 'row', bytes),
    }),
  ])
  lanes = createLanes({
    onError(error) {
      throw error
    },
  })
  tally = createPollTally({
    ...{ db, sealer, lanes, log: createLog('silent') },
    queue: {
      commit(statements) {
        commits += 1
        return writer.commit(statements.map(made))
      },
    },
    changed() {},
  })
})
afterEach(async () => {
  await lanes[Symbol.asyncDispose]()
  await database[Symbol.asyncDispose]()
})

const jid = (id: string) => id.replace('@c.us', '@s.whatsapp.net')
function sealed(voter: string, options: readonly string[]) {
  const ballot = { secret: SECRET, pollId: 'POLL', creator: jid(ME), voter: jid(voter || ME) }
  const { encPayload, encIv } = sealVote(ballot, options)
  return { payload: encPayload.toString('base64'), iv: encIv.toString('base64') }
}

function vote(voter: string, at: number, options: readonly string[] | null) {
  votes += 1
  const id = `v${String(votes).padStart(4, '0')}`
  const value = options ? sealed(voter, options) : { payload: 'AAAA', iv: 'AAAA' }
  return insertChange({
    ...{ id, sessionId, waMessageId: id, chatId: GROUP, chatIds: [GROUP], senderId: voter },
    ...{ phoneId: voter, lidId: null, targetId: 'POLL', kind: 'vote', value, at, createdAt: 1 },
  })
}

async function counted() {
  const idle = Promise.withResolvers<void>()
  lanes.add(`poll ${sessionId} POLL`, async () => idle.resolve())
  await idle.promise
  const row = await findMessage(database.db, 'row')
  const { votes } = (row?.metadata?.poll ?? {}) as { votes: { option: string; voters: string[] }[] }
  return votes.map(({ option, voters }) => `${option}: ${voters.join()}`)
}

it('counts the last vote of each voter, whatever order they come in', async () => {
  await database.writer.commit([
    vote(ANN, 20, ['milk']),
    vote(ANN, 10, ['tea']),
    vote(BOB, 5, ['tea', 'milk']),
    vote('', 6, ['tea']),
  ])
  tally.count(key)
  expect(await counted()).toEqual([`tea: ${BOB},${ME}`, `milk: ${BOB},${ANN}`])
  await database.writer.commit([vote(BOB, 30, [])])
  tally.count(key)
  expect(await counted()).toEqual([`tea: ${ME}`, `milk: ${ANN}`])
})

it('counts a flood of votes on one poll a few times, and leaves none open', async () => {
  for (let round = 0; round < 40; round += 1) {
    await database.writer.commit([vote(ANN, round, [round % 2 ? 'tea' : 'milk'])])
    tally.count(key)
    tally.count(key)
  }
  expect(await counted()).toEqual([`tea: ${ANN}`, 'milk: '])
  expect(await openPolls(database.db)).toEqual([])
  const before = commits
  for (let each = 0; each < 40; each += 1) tally.count(key)
  expect(await counted()).toEqual([`tea: ${ANN}`, 'milk: '])
  expect(commits - before).toBeLessThanOrEqual(2)
})

it('waits for what opens a vote', async () => {
  await database.writer.commit([vote(ANN, 1, ['tea']), vote(BOB, 1, null)])
  tally.count(key)
  expect(await counted()).toEqual([`tea: ${ANN}`, 'milk: '])
  expect(await openPolls(database.db)).toEqual([{ sessionId, chatId: GROUP, targetId: 'POLL' }])
})
