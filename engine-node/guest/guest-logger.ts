// `ctx.logger`: lines to the host, as many and as long as the contract allows.
import type { LogLevel } from '../../src/contract/frames.ts'
import { errorStack } from './error-text.ts'
import { cutLine, type LineBudget, LOG_LINE_CHARS } from './line-budget.ts'

export interface GuestLogger {
  log(message: unknown, meta?: unknown): void
  debug(message: unknown, meta?: unknown): void
  warn(message: unknown, meta?: unknown): void
  error(message: unknown, error?: unknown, meta?: unknown): void
}

export interface GuestLoggerDeps {
  budget: LineBudget
  send(line: { level: LogLevel; message: string; meta?: unknown }): void
}

export function createGuestLogger({ budget, send }: GuestLoggerDeps): GuestLogger {
  function write(level: LogLevel, message: string, meta: unknown): void {
    const line = budget.take(message)
    if (line === null) return
    const dropped = budget.takeDropped()
    if (dropped > 0) send({ level: 'warn', message: `${dropped} log lines were dropped: too many at once` })
    const plain = plainMeta(meta)
    send(plain === undefined ? { level, message: line } : { level, message: line, meta: plain })
  }
  return {
    log: (message, meta) => write('info', textOf(message), meta),
    debug: (message, meta) => write('debug', textOf(message), meta),
    warn: (message, meta) => write('warn', textOf(message), meta),
    error(message, error, meta) {
      const text = textOf(message)
      write('error', error === undefined || error === null ? text : `${text}: ${errorStack(error)}`, meta)
    },
  }
}

const textOf = (message: unknown): string => (typeof message === 'string' ? message : errorStack(message))

/** Meta as plain data within the bound of a line; what is larger or cannot be told in JSON goes as cut text. */
function plainMeta(meta: unknown): unknown {
  if (meta === undefined) return undefined
  try {
    const text = JSON.stringify(meta)
    if (text === undefined) return undefined
    return text.length <= LOG_LINE_CHARS ? meta : cutLine(text)
  } catch {
    // Cyclic or with a BigInt: a log line is not worth an error in the plugin.
    return '[not plain data]'
  }
}
