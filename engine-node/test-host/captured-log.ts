// A log that is kept for a test to read: what the plugin wrote and what the host says of it.
import type { Logger } from '../log.ts'

export interface LogLine {
  level: 'debug' | 'info' | 'warn' | 'error'
  message: string
  fields: Record<string, unknown>
}

export function createCapturedLog(): { log: Logger; lines: LogLine[] } {
  const lines: LogLine[] = []
  const write = (level: LogLine['level']) => (fields: unknown, message?: string) =>
    void lines.push(
      typeof fields === 'string'
        ? { level, message: fields, fields: {} }
        : { level, message: message ?? '', fields: { ...(fields as object) } },
    )
  const log = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }
  // The part of pino that the host uses.
  return { log: { ...log, child: () => log } as unknown as Logger, lines }
}
