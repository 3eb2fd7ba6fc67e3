// The gateway as a process on an emulated WhatsApp whose media host it trusts.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silenceSignalConsole } from '../../engine-node/sessions/signal-console.ts'
import type { Phone } from '../whatsapp/phone.ts'
import { createWhatsApp } from '../whatsapp/whatsapp.ts'
import { startGateway, until } from './gateway.ts'

/** `allowed` are hosts besides the media host that files may come from. */
export async function startMediaGateway({
  allowed = [],
  env = {},
}: {
  allowed?: string[]
  env?: Record<string, string>
} = {}) {
  const unsilence = silenceSignalConsole()
  const folder = mkdtempSync(join(tmpdir(), 'wharf-media-'))
  const whatsapp = await createWhatsApp({ receiptDelayMs: 20 })
  const ca = join(folder, 'ca.pem')
  writeFileSync(ca, whatsapp.media.ca)
  const gateway = await startGateway({
    dataDir: join(folder, 'data'),
    whatsappUrl: whatsapp.url,
    env: {
      NODE_EXTRA_CA_CERTS: ca,
      SSRF_ALLOWED_HOSTS: [whatsapp.media.host, ...allowed].join(),
      ...env,
    },
  })
  return {
    whatsapp,
    gateway,
    /** A new session with the phone's account, ready; gives its id. `input` is what it is created with. */
    async link(phone: Phone, input: { name: string; proxyUrl?: string }): Promise<string> {
      const { id } = (await gateway.ask('POST', '/sessions', input)).body
      await gateway.ask('POST', `/sessions/${id}/start`)
      const { body } = await until(
        () => gateway.ask('GET', `/sessions/${id}/qr`),
        ({ status }) => status === 200,
      )
      await phone.scan(body.qr)
      await until(
        () => gateway.ask('GET', `/sessions/${id}`),
        answer => answer.body.status === 'ready',
      )
      await phone.synced()
      return id
    },
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]()
      await whatsapp[Symbol.asyncDispose]()
      rmSync(folder, { recursive: true, force: true })
      unsilence()
    },
  }
}

export type MediaGateway = Awaited<ReturnType<typeof startMediaGateway>>
