// Mappings and handover in memory, by the rules of the real ones, for tests of plugins.
import type { ConversationKey, HandoverState } from '../../src/contract/conversation.ts'
import { GatewayError } from '../../src/contract/errors.ts'
import type { Verbs } from '../broker/verb.ts'

export interface Mapping extends ConversationKey {
  providerConversationId: string
  handoverState: HandoverState
}

export interface FakeConversations {
  /** All mappings, in the order in which they were made. */
  readonly mappings: Mapping[]
  find(key: ConversationKey): Mapping | undefined
  byProvider(instanceId: string, providerConversationId: string): Mapping | undefined
  readonly verbs: Pick<Verbs, 'handover.set' | 'mappings.upsert' | 'mappings.get' | 'mappings.getByProvider'>
}

export function createFakeConversations(): FakeConversations {
  const mappings: Mapping[] = []
  const find = ({ sessionId, chatId, instanceId }: ConversationKey) =>
    mappings.find(
      each => each.sessionId === sessionId && each.chatId === chatId && each.instanceId === instanceId,
    )
  const byProvider = (instanceId: string, id: string) =>
    mappings.find(each => each.instanceId === instanceId && each.providerConversationId === id)

  return {
    mappings,
    find,
    byProvider,
    verbs: {
      async 'handover.set'([key, state]) {
        const mapping = find(key)
        if (!mapping) throw new GatewayError('not_found', 'handover.set: the chat has no mapping')
        mapping.handoverState = state
        return null
      },
      async 'mappings.upsert'([key, providerConversationId]) {
        const mapping = find(key)
        const other = byProvider(key.instanceId, providerConversationId)
        if (other && other !== mapping)
          throw new GatewayError(
            'mapping_taken',
            'mappings.upsert: the conversation is mapped to another chat',
          )
        if (mapping) mapping.providerConversationId = providerConversationId
        else mappings.push({ ...key, providerConversationId, handoverState: 'bot' })
        return null
      },
      async 'mappings.get'([key]) {
        const mapping = find(key)
        if (!mapping) return null
        const { providerConversationId, handoverState } = mapping
        return { providerConversationId, handoverState }
      },
      async 'mappings.getByProvider'([instanceId, id], { assertActiveFor }) {
        const mapping = byProvider(instanceId, id)
        if (!mapping) return null
        const { sessionId, chatId, handoverState } = mapping
        assertActiveFor(sessionId)
        return { sessionId, chatId, handoverState }
      },
    },
  }
}
