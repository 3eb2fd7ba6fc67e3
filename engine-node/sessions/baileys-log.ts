// Baileys' own log lines: few of them, and none with keys.
import type { Logger } from '../log.ts'

/** Fields of Baileys' log lines that carry keys. */
const SECRETS = [
  '*.privKey',
  '*.private',
  'creds',
  'node',
  '*.noiseKey',
  '*.signedIdentityKey',
  '*.advSecretKey',
]

/** Below `warn` Baileys logs what it encrypts, and with which keys. */
export const quiet = (log: Logger, sessionId: string) =>
  log.child(
    { sessionId, part: 'baileys' },
    { level: log.isLevelEnabled('warn') ? 'warn' : log.level, redact: SECRETS },
  )
