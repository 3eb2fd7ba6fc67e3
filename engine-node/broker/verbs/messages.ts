// `messages.*`: sends in the name of a plugin. How a message goes out is the sender's business; typing and pacing included.
import * as v from 'valibot'
import { GatewayError } from '../../../src/contract/errors.ts'
import { SessionId } from '../../../src/contract/ids.ts'
import { Reply, type SendResult, SendText } from '../../../src/contract/message.ts'
import type { CallOrigin, Verbs } from '../verb.ts'

/** What the verbs need of the pipeline that also serves the API. It calls `origin.assertStillAllowed` before the socket. */
export interface Sender {
  sendText(sessionId: SessionId, input: SendText, origin: CallOrigin): Promise<SendResult>
  reply(sessionId: SessionId, input: Reply, origin: CallOrigin): Promise<SendResult>
}

type MessageVerbs = Pick<Verbs, 'messages.sendText' | 'messages.reply'>

export const createMessageVerbs = ({ sender }: { sender: Sender }): MessageVerbs => ({
  'messages.sendText': async ([sessionId, chatId, text], origin) =>
    sender.sendText(parse(SessionId, sessionId), parse(SendText, { chatId, text }), origin),
  'messages.reply': async ([sessionId, chatId, quotedMessageId, text], origin) =>
    sender.reply(parse(SessionId, sessionId), parse(Reply, { chatId, quotedMessageId, text }), origin),
})

/** The table's row says only that these are texts; here they become a message, by the rules of the API. */
function parse<S extends v.GenericSchema>(schema: S, value: unknown): v.InferOutput<S> {
  const { success, output, issues } = v.safeParse(schema, value)
  if (success) return output
  const [issue] = issues
  throw new GatewayError('invalid_input', `${v.getDotPath(issue) ?? 'sessionId'} ${issue.message}`)
}
