// The log of the engine: one JSON line per event on standard error, with secrets cut out before they are written.
import { type DestinationStream, type Logger, pino, stdTimeFunctions } from 'pino'
import { toLogged } from './logged-error.ts'

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

/**
 * `level` is pino's; standard error unless told, since standard output belongs to what `npm start` tells the operator. A process
 * that must not wait for who reads it brings an output of its own (line-output.ts).
 */
export function createLog(level: string, output: DestinationStream = pino.destination(2)): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      serializers: { err: error => toLogged(error) },
      redact: {
        paths: SECRET_FIELDS.flatMap(field => [field, `*.${field}`, `*.*.${field}`]),
        censor: '[cut]',
      },
    },
    output,
  )
}
