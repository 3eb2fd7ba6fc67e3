// The log of the engine: one JSON line per event on standard error, with secrets cut out before they are written.
import { type Logger, pino, stdTimeFunctions } from 'pino'

export type { Logger }

/** Fields that never reach a log line, wherever an object carries them. */
const SECRET_FIELDS = [
  'apiKey',
  'authorization',
  'config',
  'creds',
  'key',
  'keys',
  'password',
  'privKey',
  'private',
  'secret',
  'token',
]

/** `level` is pino's; standard error, since standard output belongs to what `npm start` tells the operator. */
export function createLog(level: string): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      redact: {
        paths: SECRET_FIELDS.flatMap(field => [field, `*.${field}`, `*.*.${field}`]),
        censor: '[cut]',
      },
    },
    pino.destination(2),
  )
}
