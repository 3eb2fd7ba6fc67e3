// The test button of a webhook: one signed post of a small event that is neither logged nor tried again.
import type { TestDelivery } from '../../src/contract/webhook.ts'
import { bodyOf, type Envelope, toJson } from '../../src/webhooks/envelope.ts'
import type { Clock } from '../clock.ts'
import type { Endpoint } from './endpoint.ts'
import type { Answer, SendRequest } from './send.ts'

/**
 * Never throws. Nothing of an answer's body or header comes back: whoever may save a URL must not read places with it that
 * only the gateway can reach.
 */
export function createTestDelivery(deps: {
  send(request: SendRequest): Promise<Answer>
  clock: Clock
  newId(): string
}): (endpoint: Endpoint) => Promise<TestDelivery> {
  return async endpoint => {
    const { id: webhookId, sessionId, url } = endpoint.row
    const deliveryId = `dlv_${deps.newId()}`
    const envelope: Envelope = {
      event: 'test',
      timestamp: new Date(deps.clock.now()).toISOString(),
      sessionId,
      idempotencyKey: `test_${deliveryId}_${webhookId}`,
      deliveryId,
    }
    const data = toJson({ webhookId, message: 'This is a test delivery' })
    const body = new TextEncoder().encode(bodyOf(envelope, data))
    const eventId = `evt_${deps.newId()}`
    const answer = await deps.send({ endpoint, url, envelope, body, eventId, attempts: 0 })
    const statusCode = answer.status === null ? {} : { statusCode: answer.status }
    if (answer.kind === 'success') return { success: true, ...statusCode }
    return { success: false, ...statusCode, error: answer.error ?? 'The delivery failed' }
  }
}
