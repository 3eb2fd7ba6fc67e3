// From a job to the pipeline: by the kind of message that its sender knows.
import type { ChatId } from '../../src/contract/ids.ts'
import type { Send } from '../../src/contract/job.ts'
import type { InputOf, SendKind } from '../pipeline/drafts.ts'
import type { Sender } from '../pipeline/sender.ts'
import type { SendJob } from './job-runner.ts'

/** What the pipeline is asked to send. A voice note is a kind of its own there, and a forward names its chat as all others do. */
function toDraft({ type, input }: Send): { kind: SendKind; input: { chatId: ChatId } } {
  if (type === 'forward') return { kind: type, input: { ...input, chatId: input.toChatId } }
  if (type === 'audio' && input.ptt) return { kind: 'voice', input }
  return { kind: type, input }
}

/** Sends jobs through the same way as the API's messages. */
export function createSendJob(sender: Pick<Sender, 'send'>): SendJob {
  return (sessionId, send, options) => {
    const { kind, input } = toDraft(send)
    // The two belong together by construction; the compiler cannot see that of a union.
    return sender.send(sessionId, kind, input as InputOf<typeof kind>, options)
  }
}
