// Votes as WhatsApp encrypts them: for those who have the poll's secret, and only under the ids by which its creator and the
// voter knew themselves then. Pure.
import { createHash } from 'node:crypto'
import { decryptPollVote } from 'baileys'
import { bare, pollNames } from './incoming-details.ts'
import { toJid } from './jid.ts'
import { readProto } from './outgoing.ts'
import type { PersonIds } from './people.ts'

export interface OpenPoll {
  id: string
  secret: Uint8Array
  options: readonly string[]
}

/** The poll of a stored message; null for any other, and for one that came without its secret. */
export function readPoll(proto: Uint8Array): OpenPoll | null {
  const { key, message } = readProto(proto)
  const content = bare(message)
  const name = pollNames.find(each => content?.[each])
  const secret = message?.messageContextInfo?.messageSecret ?? content?.messageContextInfo?.messageSecret
  const poll = name && content?.[name]
  if (!poll || !secret?.length || !key.id) return null
  return { id: key.id, secret, options: (poll.options ?? []).map(({ optionName }) => optionName ?? '') }
}

const digest = (option: string) => createHash('sha256').update(option).digest('hex')

const jidsOf = ({ phoneId, lidId }: PersonIds) => [lidId, phoneId].filter(id => id !== null).map(toJid)

/**
 * The options that a vote names, empty where it takes an earlier one back. Null when no pair of ids opens it: the vote is of
 * another poll, or an id is not known yet.
 */
export function readVote(
  vote: { payload: Uint8Array; iv: Uint8Array },
  of: { poll: OpenPoll; creator: PersonIds; voter: PersonIds },
): string[] | null {
  const { id, secret, options } = of.poll
  const named = new Map(options.map(option => [digest(option), option]))
  for (const pollCreatorJid of jidsOf(of.creator))
    for (const voterJid of jidsOf(of.voter)) {
      try {
        const { selectedOptions } = decryptPollVote(
          { encPayload: vote.payload, encIv: vote.iv },
          { pollCreatorJid, pollMsgId: id, pollEncKey: secret, voterJid },
        )
        return (selectedOptions ?? []).flatMap(chosen => named.get(Buffer.from(chosen).toString('hex')) ?? [])
      } catch {
        // Not under this pair of ids; the next one may be it.
      }
    }
  return null
}
