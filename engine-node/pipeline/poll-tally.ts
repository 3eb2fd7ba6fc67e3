// What the votes on a poll add up to, kept in the row of the poll. Counted anew from all votes each time, so neither a crash nor
// the order in which poll and votes come can make it wrong for long.
import { GatewayError } from '../../src/contract/errors.ts'
import type { Db } from '../../src/db/db.ts'
import { type ChangeRow, countVotes, openPolls, votesOn } from '../../src/db/message-changes.ts'
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
  /** Counts what a crash has left. To be called once, at the start. */
  restore(): Promise<void>
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
    const self = await me(key.sessionId)
    const creator = row.direction === 'outgoing' ? self : row
    const last = new Map<string, string[]>()
    const counted: string[] = []
    for (const vote of await votesOn(db, key)) {
      const voter = vote.senderId === '' ? self : vote
      const chosen = readVote(bytesOf(vote), { poll, creator, voter })
      if (chosen === null) {
        log.warn({ ...key, vote: vote.waMessageId }, 'a vote could not be decrypted')
        continue
      }
      counted.push(vote.id)
      last.set(preferredId(voter) ?? vote.senderId, chosen)
    }
    const votes: OptionVotes[] = poll.options.map(option => ({
      option,
      voters: [...last].filter(([, chosen]) => chosen.includes(option)).map(([voter]) => voter),
    }))
    await queue.commit(countVotes(row.id, votes, counted))
    const after = await pollRow(key)
    if (after) changed(after)
  }

  // One after the other: an older count must not overwrite a younger one.
  const count = (key: PollKey) =>
    lanes.add(`poll ${key.sessionId} ${key.targetId}`, async () => {
      await tally(key).catch((cause: unknown) => {
        if (cause instanceof GatewayError && cause.code === 'storage_unavailable') return
        throw cause
      })
    })

  return {
    count,
    async restore() {
      for (const { chatId, ...poll } of await openPolls(db)) count({ ...poll, chatIds: [chatId] })
    },
  }
}

const bytesOf = ({ value }: ChangeRow) => ({
  payload: Buffer.from(String(value.payload), 'base64'),
  iv: Buffer.from(String(value.iv), 'base64'),
})
