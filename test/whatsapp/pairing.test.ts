import { randomBytes } from 'node:crypto'
import { Curve, proto } from 'baileys'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silenceSignalConsole } from '../../engine-node/sessions/signal-console.ts'
import { createDirectory } from './account.ts'
import { type Closed, createBaileysClient, createMemoryAuth } from './baileys-client.ts'
import type { Connection } from './connection.ts'
import { bigEndian, child, children, node, text } from './nodes.ts'
import { createPairing } from './pairing.ts'
import { createWhatsApp, type WhatsApp } from './whatsapp.ts'

describe('a real client that links', () => {
  let whatsapp: WhatsApp
  let loud: () => void

  beforeEach(async () => {
    loud = silenceSignalConsole()
    whatsapp = await createWhatsApp()
  })

  afterEach(async () => {
    expect(whatsapp.surprises).toEqual([])
    await whatsapp[Symbol.asyncDispose]()
    loud()
  })

  it('restarts after the scan and is linked', async () => {
    const phone = whatsapp.phone('15550000001', { name: 'Alice' })
    await using client = createBaileysClient({ whatsapp, onQr: phone.scan })
    expect(phone.isLinked).toBe(false)
    await client.open()
    await phone.online()
    expect([phone.isLinked, phone.isOnline]).toEqual([true, true])
    await client.close()
    await phone.offline()
    expect([phone.isLinked, phone.isOnline]).toEqual([true, false])
  })

  it('logs in with what it stored', async () => {
    const phone = whatsapp.phone('15550000001')
    const bob = whatsapp.contact('15550000002')
    const first = createBaileysClient({ whatsapp, onQr: phone.scan })
    await first.open()
    await phone.synced()
    await bob.write('before', { to: phone })
    await first.hears('before')
    await first.close()
    const auth = createMemoryAuth(first.auth.serialize())
    await using second = createBaileysClient({ whatsapp, auth })
    await second.open()
    await bob.write('after', { to: phone })
    await second.hears('after')
  })

  it('is not let in as a device whose key it does not have', async () => {
    const phone = whatsapp.phone('15550000001')
    const client = createBaileysClient({ whatsapp, onQr: phone.scan })
    await client.open()
    await client.close()
    const auth = createMemoryAuth(client.auth.serialize())
    Object.assign(auth.creds, { noiseKey: Curve.generateKeyPair() })
    await expect(createBaileysClient({ whatsapp, auth }).open()).rejects.toMatchObject({ code: 401 })
    expect(phone.isLinked).toBe(true)
  })

  it('is refused when its QR is stale', async () => {
    const phone = whatsapp.phone('15550000001')
    const shown = Promise.withResolvers<string>()
    const client = createBaileysClient({ whatsapp, onQr: shown.resolve })
    const opened = client.open()
    const qr = await shown.promise
    await client.close()
    await expect(opened).rejects.toThrow()
    await expect.poll(() => phone.scan(qr).catch(String)).toMatch('expired')
    expect(phone.isLinked).toBe(false)
  })

  it('refuses a phone that does not know the secret of its QR', async () => {
    const phone = whatsapp.phone('15550000001')
    const scanned = Promise.withResolvers<unknown>()
    const client = createBaileysClient({
      whatsapp,
      onQr(qr) {
        const fields = qr.split(',')
        fields[3] = randomBytes(32).toString('base64')
        phone.scan(fields.join()).then(scanned.resolve, scanned.reject)
      },
    })
    const scan = expect(scanned.promise).rejects.toThrow('went away')
    await expect(client.open()).rejects.toThrow('Invalid account signature')
    await scan
    expect(phone.isLinked).toBe(false)
  })

  it('gives up when nobody scans', async () => {
    const shown: string[] = []
    const config = { qrTimeout: 20 }
    const client = createBaileysClient({ whatsapp, config, onQr: qr => void shown.push(qr) })
    await expect(client.open()).rejects.toMatchObject({ code: 408 } satisfies Partial<Closed>)
    expect(new Set(shown).size).toBe(6)
  })

  it('leaves no link behind when it logs out', async () => {
    const phone = whatsapp.phone('15550000001')
    const client = createBaileysClient({ whatsapp, onQr: phone.scan })
    await client.open()
    await client.socket.logout()
    await phone.offline()
    expect(phone.isLinked).toBe(false)
    await expect(createBaileysClient({ whatsapp, auth: client.auth }).open()).rejects.toMatchObject({
      code: 401,
    })
  })

  it('may share an account with a second one, and both hear a contact', async () => {
    const phone = whatsapp.phone('15550000001')
    const bob = whatsapp.contact('15550000002')
    await using first = createBaileysClient({ whatsapp, onQr: phone.scan })
    await using second = createBaileysClient({ whatsapp, onQr: phone.scan })
    await first.open()
    await second.open()
    expect([first.auth.creds.me?.id, second.auth.creds.me?.id]).toEqual([
      `${phone.pn}:1@s.whatsapp.net`,
      `${phone.pn}:2@s.whatsapp.net`,
    ])
    await bob.write('to all of you', { to: phone })
    await Promise.all([first.hears('to all of you'), second.hears('to all of you')])
    await second.send(bob.pnJid, 'from the second')
    expect((await first.hears('from the second')).message.key.fromMe).toBe(true)
  })

  it('talks to another real client', async () => {
    const alice = whatsapp.phone('15550000001', { name: 'Alice' })
    const bob = whatsapp.phone('15550000002', { name: 'Bob' })
    await using one = createBaileysClient({ whatsapp, onQr: alice.scan })
    await using other = createBaileysClient({ whatsapp, onQr: bob.scan })
    await Promise.all([one.open(), other.open()])
    await one.send(bob.pnJid, 'ping')
    expect((await other.hears('ping')).message.key).toMatchObject({ remoteJid: alice.pnJid, fromMe: false })
    await other.send(alice.pnJid, 'pong')
    await one.hears('pong')
  })
})

describe('createPairing', () => {
  /** A connection that writes down what it is told, and the keys of the device behind it. */
  function createFakeConnection() {
    const identity = Curve.generateKeyPair()
    const noise = Curve.generateKeyPair()
    const sent: Parameters<Connection['send']>[0][] = []
    const devicePairingData = {
      eIdent: identity.public,
      eRegid: bigEndian(7, 4),
      eSkeyId: bigEndian(1, 3),
      eSkeyVal: Curve.generateKeyPair().public,
      eSkeySig: randomBytes(64),
    }
    const connection: Connection = {
      client: {
        noiseKey: Buffer.from(noise.public),
        payload: proto.ClientPayload.fromObject({ devicePairingData }),
      },
      companion: undefined,
      active: false,
      send: stanza => void sent.push(stanza),
      prepare: stanza => () => void sent.push(stanza),
      end: lastWord => void (lastWord && sent.push(lastWord)),
      drop() {},
      mute() {},
    }
    const qr = () => {
      const reference = text(children(child(sent[0], 'pair-device'), 'ref')[0])
      const keys = [noise.public, identity.public, randomBytes(32)]
      return [reference, ...keys.map(key => Buffer.from(key).toString('base64'))].join()
    }
    return { connection, sent, qr }
  }

  it('does not link a device that signs with another key than it registered', async () => {
    const pairing = createPairing({ onLinked() {} })
    const account = createDirectory().register('15550000001')
    const { connection, sent, qr } = createFakeConnection()
    pairing.begin(connection)
    const scanned = pairing.scan(qr(), account)
    const stranger = Curve.generateKeyPair()
    const deviceSignature = Curve.sign(stranger.private, Buffer.from('anything'))
    const proof = proto.ADVSignedDeviceIdentity.encode({ deviceSignature }).finish()
    const body = node('pair-device-sign', {}, [node('device-identity', {}, proof)])
    const iq = node('iq', { type: 'result' }, [body])
    await pairing.answers['result pair-device-sign']?.({ connection, iq, body })
    await expect(scanned).rejects.toThrow('did not sign')
    expect(sent.at(-1)).toMatchObject({ tag: 'stream:error', attrs: { code: '500' } })
    expect(account.companions.size).toBe(0)
  })

  it('does not accept a QR that names another device than the one connected', async () => {
    const pairing = createPairing({ onLinked() {} })
    const account = createDirectory().register('15550000001')
    const honest = createFakeConnection()
    pairing.begin(honest.connection)
    const fields = honest.qr().split(',')
    fields[1] = randomBytes(32).toString('base64')
    await expect(pairing.scan(fields.join(), account)).rejects.toThrow('another device')
  })
})
