// Alice's phone with a real client linked to it, and two contacts: where most tests of the emulator begin.
import type { UserFacingSocketConfig } from 'baileys'
import { expect } from 'vitest'
import { silenceSignalConsole } from '../../engine-node/sessions/signal-console.ts'
import { type BaileysClient, createBaileysClient } from './baileys-client.ts'
import type { Contact } from './contact.ts'
import type { Phone } from './phone.ts'
import { createWhatsApp, type WhatsApp, type WhatsAppOptions } from './whatsapp.ts'

export interface Linked extends AsyncDisposable {
  readonly whatsapp: WhatsApp
  readonly phone: Phone
  readonly client: BaileysClient
  readonly bob: Contact
  readonly eve: Contact
}

interface Options extends WhatsAppOptions {
  /** What the phone has before the client is linked to it. */
  before?(phone: Phone, whatsapp: WhatsApp): void
  config?(whatsapp: WhatsApp): Partial<UserFacingSocketConfig>
}

/** Links the client. Dispose it, and it fails if the server was surprised. */
export async function createLinked({ before, config, ...options }: Options = {}): Promise<Linked> {
  const loud = silenceSignalConsole()
  const whatsapp = await createWhatsApp(options)
  const phone = whatsapp.phone('15550000001', { name: 'Alice' })
  const bob = whatsapp.contact('15550000002', { name: 'Bob' })
  const eve = whatsapp.contact('15550000003', { name: 'Eve' })
  before?.(phone, whatsapp)
  const client = createBaileysClient({ whatsapp, onQr: phone.scan, config: config?.(whatsapp) ?? {} })
  await client.open()
  await phone.synced()
  return {
    whatsapp,
    phone,
    client,
    bob,
    eve,
    async [Symbol.asyncDispose]() {
      await client.close()
      await whatsapp[Symbol.asyncDispose]()
      loud()
      expect(whatsapp.surprises).toEqual([])
    },
  }
}
