// The HMAC of Node, which is done in this thread at once: to ask the pool of threads, as Web Crypto does, takes ten times as long.
import { createHmac, createSecretKey } from 'node:crypto'
import type { ImportMac } from '../../src/webhooks/sign.ts'

export const importNodeMac: ImportMac = bytes => {
  const key = createSecretKey(bytes)
  return (parts, as) => {
    const hmac = createHmac('sha256', key)
    for (const part of parts) hmac.update(part)
    return hmac.digest(as)
  }
}
