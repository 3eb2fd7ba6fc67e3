// The engine's methods on messages, as the API calls them.
import type { EngineHandlers } from '../../src/contract/engine.ts'
import type { Pipeline } from './pipeline.ts'

type MessageMethod = Extract<keyof EngineHandlers, `message.${string}`>

export function createMessageMethods({
  sender,
  actions,
}: Pick<Pipeline, 'sender' | 'actions'>): Pick<EngineHandlers, MessageMethod> {
  return {
    'message.sendText': ({ sessionId, input, ...options }) => sender.sendText(sessionId, input, options),
    'message.reply': ({ sessionId, input, ...options }) => sender.reply(sessionId, input, options),
    'message.sendMedia': ({ sessionId, kind, input, ...options }) =>
      sender.send(sessionId, kind === 'audio' && input.ptt ? 'voice' : kind, input, options),
    'message.sendLocation': ({ sessionId, input, ...options }) =>
      sender.send(sessionId, 'location', input, options),
    'message.sendContact': ({ sessionId, input, ...options }) =>
      sender.send(sessionId, 'contact', input, options),
    'message.sendPoll': ({ sessionId, input, ...options }) => sender.send(sessionId, 'poll', input, options),
    'message.clickButton': ({ sessionId, input, ...options }) =>
      sender.send(sessionId, 'button', { ...input, quotedMessageId: input.messageId }, options),
    'message.forward': ({ sessionId, input, ...options }) =>
      sender.send(sessionId, 'forward', { ...input, chatId: input.toChatId }, options),
    'message.react': ({ sessionId, input }) => actions.react(sessionId, input),
    'message.delete': ({ sessionId, input }) => actions.remove(sessionId, input),
    'message.edit': ({ sessionId, input }) => actions.edit(sessionId, input),
    'message.pin': ({ sessionId, input }) => actions.pin(sessionId, input),
    'message.unpin': ({ sessionId, input }) => actions.unpin(sessionId, input),
    'message.star': ({ sessionId, input }) => actions.star(sessionId, input),
  }
}
