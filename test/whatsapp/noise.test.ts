import { Curve, makeNoiseHandler, NOISE_WA_HEADER, proto } from 'baileys'
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { createAuthority } from './certificates.ts'
import { createNoiseResponder, type NoiseEvent } from './noise.ts'

const authority = createAuthority()
const hello = (ephemeral: Uint8Array) =>
  proto.HandshakeMessage.encode(proto.HandshakeMessage.create({ clientHello: { ephemeral } })).finish()

function onlyEvent<K extends NoiseEvent['kind']>(
  events: NoiseEvent[],
  kind: K,
): Extract<NoiseEvent, { kind: K }> {
  expect(events.map(event => event.kind)).toEqual([kind])
  return events[0] as Extract<NoiseEvent, { kind: K }>
}

/** Baileys' half and ours, brought to where both can speak. */
async function shakeHands() {
  const ephemeral = Curve.generateKeyPair()
  const device = Curve.generateKeyPair()
  const initiator = makeNoiseHandler({
    keyPair: ephemeral,
    NOISE_HEADER: NOISE_WA_HEADER,
    logger: pino({ level: 'silent' }),
  })
  const responder = createNoiseResponder(authority)
  const answer = onlyEvent(responder.receive(initiator.encodeFrame(hello(ephemeral.public))), 'answer')
  const serverHello = proto.HandshakeMessage.decode(answer.bytes.subarray(3))
  const key = initiator.processHandshake(serverHello, device)
  const payload = initiator.encrypt(proto.ClientPayload.encode({ username: 15550000001, device: 3 }).finish())
  const clientFinish = proto.HandshakeMessage.encode({ clientFinish: { static: key, payload } }).finish()
  const { client } = onlyEvent(responder.receive(initiator.encodeFrame(clientFinish)), 'client')
  await initiator.finishInit()
  return { initiator, responder, client, device }
}

describe('createNoiseResponder', () => {
  it("learns the client's key and payload from Baileys' own handshake", async () => {
    const { client, device } = await shakeHands()
    expect(client.noiseKey).toEqual(Buffer.from(device.public))
    expect(client.payload).toMatchObject({ device: 3 })
    expect(Number(client.payload.username)).toBe(15550000001)
  })

  it('opens what the client seals, frame after frame', async () => {
    const { initiator, responder } = await shakeHands()
    const sealed = ['one', 'two'].map(word => initiator.encodeFrame(Buffer.from(word)))
    const opened = responder.receive(Buffer.concat(sealed))
    expect(opened.map(event => event.kind === 'stanza' && event.bytes.toString())).toEqual(['one', 'two'])
  })

  it('throws when a frame was changed or repeated', async () => {
    const { initiator, responder } = await shakeHands()
    const sealed = initiator.encodeFrame(Buffer.from('pay 1'))
    const changed = Buffer.from(sealed)
    changed[4]! ^= 1
    expect(() => responder.receive(changed)).toThrow()
    const again = await shakeHands()
    const once = again.initiator.encodeFrame(Buffer.from('pay 1'))
    again.responder.receive(once)
    expect(() => again.responder.receive(once)).toThrow()
  })

  it('seals nothing before it knows the client', () => {
    expect(() => createNoiseResponder(authority).seal(Buffer.from('too soon'))).toThrow(
      'before the handshake',
    )
  })
})
