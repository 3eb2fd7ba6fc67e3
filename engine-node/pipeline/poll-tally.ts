// What the votes on a poll add up to, kept in the row of the poll. Counted anew from the last vote of each voter, so neither a
// crash nor the order in which poll and votes come can make it wrong for long.
import { GatewayError } from '../../src/contract/errors.ts'
import type { Db } from '../../src/db/db.ts'
import { countVotes, lastVotesOn, openPolls, type Vote } from '../../src/db/message-changes.ts'
import { findByWaId, type MessageRow } from '../../src/db/messages.ts'
import { findSession } from '../../src/db/sessions.ts'
import type { Logger } from '../log.ts'
import { toNeutral } from '../sessions/jid.ts'
import { type PersonIds, preferredId } from '../sessions/people.ts'
import { readPoll, readVote } from '../sessions/poll-votes.ts'
import { openProto } from '../sessions/stored-proto.ts'
import type { Sealer } from '../store/sealer.ts'
import type { WriteQueue } from '../store/write-queue.ts'
import type { Lanes } from './lanes.ts'

export interface PollKey {
  sessionId: string
  /** The chat and its other id, where it is one person's. */
  chatIds: readonly string[]
  targetId: string
}

export interface PollTally {
  /** Counts when it can; hears of the row that has changed. */
  count(poll: PollKey): void
  /** Counts what a crash has left in these sessions. */
  restore(isOurs: (sessionId: string) => boolean): Promise<void>
}

/** What stands in the metadata of a poll, one entry per option. */
export interface OptionVotes {
  option: string
  voters: string[]
}

export function createPollTally(deps: {
  db: Db
  queue: Pick<WriteQueue, 'commit'>
  sealer: Sealer
  log: Logger
  lanes: Lanes
  /** The poll's row has changed. */
  changed(row: MessageRow): void
}): PollTally {
  const { db, queue, sealer, log, lanes, changed } = deps

  async function me(sessionId: string): Promise<PersonIds> {
    const row = await findSession(db, sessionId)
    return {
      phoneId: row?.phone ? toNeutral(`${row.phone}@c.us`) : null,
      lidId: row?.lid ? toNeutral(`${row.lid}@lid`) : null,
    }
  }

  async function pollRow({ sessionId, chatIds, targetId }: PollKey): Promise<MessageRow | null> {
    for (const chatId of chatIds) {
      const row = await findByWaId(db, { sessionId, chatId, waMessageId: targetId })
      if (row) return row
    }
    return null
  }

  async function tally(key: PollKey): Promise<void> {
    const row = await pollRow(key)
    const proto = row && openProto(sealer, row)
    const poll = proto && readPoll(proto)
    // Without its poll a vote waits; the poll may still come.
    if (!row || !poll) return
    const given = await lastVotesOn(db, key)
    if (!given) return
    const self = await me(key.sessionId)
    const creator = row.direction === 'outgoing' ? self : row
    const last = new Map<string, string[]>()
    const voters: string[] = []
    for (const vote of given.votes) {
      const voter = vote.senderId === '' ? self : vote
      const chosen = readVote(bytesOf(vote), { poll, creator, voter })
      if (chosen === null) {
        log.warn({ ...key, vote: vote.waMessageId }, 'a vote could not be decrypted')
        continue
      }
      voters.push(vote.senderId)
      last.set(preferredId(voter) ?? vote.senderId, chosen)
    }
    const votes: OptionVotes[] = poll.options.map(option => ({
      option,
      voters: [...last].filter(([, chosen]) => chosen.includes(option)).map(([voter]) => voter),
    }))
    await queue.commit(countVotes({ ...key, pollRowId: row.id, votes, voters, upTo: given.upTo }))
    const after = await pollRow(key)
    if (after) changed(after)
  }

  /** Polls whose count has not begun: it will see every vote that comes until then. */
  const waiting = new Set<string>()

  // One after the other: an older count must not overwrite a younger one.
  function count(key: PollKey) {
    const name = `${key.sessionId} ${key.targetId} ${key.chatIds.join()}`
    if (waiting.has(name)) return
    waiting.add(name)
    lanes.add(`poll ${key.sessionId} ${key.targetId}`, async () => {
      waiting.delete(name)
      await tally(key).catch((cause: unknown) => {
        if (cause instanceof GatewayError && cause.code === 'storage_unavailable') return
        throw cause
      })
    })
  }

  return {
    count,
    async restore(isOurs) {
      for (const { chatId, ...poll } of await openPolls(db))
        if (isOurs(poll.sessionId)) count({ ...poll, chatIds: [chatId] })
    },
  }
}

const bytesOf = ({ value }: Pick<Vote, 'value'>) => ({
  payload: Buffer.from(String(value.payload), 'base64'),
  iv: Buffer.from(String(value.iv), 'base64'),
})
