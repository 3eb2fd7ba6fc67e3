// The engine's methods on an account besides its messages: each asks the connection of its session.
import type { EngineHandlers } from '../../src/contract/engine.ts'
import { GatewayError } from '../../src/contract/errors.ts'
import type { Link } from '../sessions/link.ts'
import { phoneDigits } from '../sessions/number-check.ts'
import type { ChatRemoval } from './chat-removal.ts'

type Group = 'chat' | 'contact' | 'picture' | 'group' | 'presence' | 'call'
export type AccountMethods = Pick<EngineHandlers, Extract<keyof EngineHandlers, `${Group}.${string}`>>

export function createAccountMethods(deps: {
  /** Rejects with `not_found`, `session_not_started` or `session_not_ready`. */
  link(sessionId: string): Promise<Pick<Link, 'account' | 'checkNumber'>>
  removal: ChatRemoval
}): AccountMethods {
  const { link, removal } = deps
  const accountOf = async (sessionId: string) => (await link(sessionId)).account
  const success = { success: true }

  return {
    async 'chat.change'({ sessionId, change: asked }) {
      const account = await accountOf(sessionId)
      const { change, input } = asked
      if (change !== 'delete' && change !== 'clear') return { success: await account.changeChat(asked) }
      const of = { sessionId, chatId: input.chatId, isWhole: change === 'delete' }
      return { success: await removal.around(of, () => account.changeChat(asked)) }
    },
    async 'contact.check'({ sessionId, number }) {
      const digits = phoneDigits(number)
      if (digits === null)
        throw new GatewayError('invalid_input', 'Validation failed', {
          details: { messages: ['number must be a phone number with its country code'] },
        })
      return { ...(await (await link(sessionId)).checkNumber(digits)), number }
    },
    'contact.blocked': async ({ sessionId }) => (await accountOf(sessionId)).blocked(),
    'picture.url': async ({ sessionId, id }) => ({ url: await (await accountOf(sessionId)).pictureUrl(id) }),
    'group.info': async ({ sessionId, groupId }) => (await accountOf(sessionId)).groupInfo(groupId),
    'group.joinInfo': async ({ sessionId, code }) => (await accountOf(sessionId)).joinInfo(code),
    'group.inviteCode': async ({ sessionId, groupId }) => (await accountOf(sessionId)).inviteCode(groupId),
    'group.requests': async ({ sessionId, groupId }) =>
      (await accountOf(sessionId)).membershipRequests(groupId),
    async 'presence.subscribe'({ sessionId, chatId }) {
      await (await accountOf(sessionId)).subscribePresence(chatId)
      return success
    },
    'presence.get': async ({ sessionId, chatId }) => (await accountOf(sessionId)).presence(chatId),
    async 'presence.set'({ sessionId, available }) {
      await (await accountOf(sessionId)).setAvailable(available)
      return success
    },
    async 'call.reject'({ sessionId, callId }) {
      await (await accountOf(sessionId)).rejectCall(callId)
      return success
    },
  }
}
