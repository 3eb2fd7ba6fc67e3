// A webhook ready to be posted to: its row as it is now, its opened headers and its signer.
import type { Db } from '../../src/db/db.ts'
import { prepareFindWebhook, type WebhookRow } from '../../src/db/webhooks.ts'
import { createSigner, type Signer } from '../../src/webhooks/sign.ts'
import type { Sealer } from '../store/sealer.ts'
import { importNodeMac } from './node-mac.ts'
import { openSecrets, signingSecrets } from './webhook-secrets.ts'

export interface Endpoint {
  row: WebhookRow
  headers: Readonly<Record<string, string>>
  signer: Signer
}

export interface Endpoints {
  /** Reads the row anew, so that a change counts from the next look on. Null when it has been deleted. */
  read(webhookId: string): Promise<Endpoint | null>
}

interface Opened {
  sealed: Uint8Array
  /** When the replaced secret stops to sign. */
  until: number
  headers: Readonly<Record<string, string>>
  signer: Signer
}

/** Opened ones that are kept: opening one and importing its keys costs more than a signature. */
const MAX_KEPT = 1_000

export function createEndpoints(deps: { db: Db; sealer: Sealer; now(): number }): Endpoints {
  const kept = new Map<string, Opened>()
  const find = prepareFindWebhook(deps.db)

  async function open(row: WebhookRow): Promise<Opened> {
    const known = kept.get(row.id)
    const sealed = new Uint8Array(row.secretsSealed)
    if (known && deps.now() < known.until && Buffer.compare(known.sealed, sealed) === 0) return known
    const secrets = openSecrets(deps.sealer, row.id, sealed)
    const signing = signingSecrets(secrets, deps.now())
    const until = signing.length > 1 ? (secrets.previous?.until ?? 0) : Number.POSITIVE_INFINITY
    const opened = {
      sealed,
      until,
      headers: secrets.headers,
      signer: await createSigner(signing, importNodeMac),
    }
    if (kept.size >= MAX_KEPT) kept.delete(kept.keys().next().value as string)
    kept.set(row.id, opened)
    return opened
  }

  return {
    async read(webhookId) {
      const row = await find(webhookId)
      if (row === null) {
        kept.delete(webhookId)
        return null
      }
      const { headers, signer } = await open(row)
      return { row, headers, signer }
    },
  }
}
