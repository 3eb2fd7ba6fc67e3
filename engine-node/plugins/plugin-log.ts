// What a plugin writes into the log: under its name, in one line, within a budget that the plugin cannot lift.
import type { LogLevel } from '../../src/contract/frames.ts'
import { createLineBudget, cutLine } from '../guest/line-budget.ts'
import type { Logger } from '../log.ts'
import type { GuestLogLine } from './guest-connection.ts'

/** A log is for people; what else a plugin hands over is cut to a glance. */
const MAX_META_CHARS = 2_048

/** Text that cannot move a cursor, end a line or turn letters around in whoever shows the log. */
export function escapeLine(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
    char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

const levels = {
  debug: 'debug',
  info: 'info',
  warn: 'warn',
  error: 'error',
} as const satisfies Record<LogLevel, keyof Logger>

export interface PluginLog {
  /** What the plugin logged by its context. */
  line(line: GuestLogLine): void
  /** What it printed. */
  output(text: string): void
}

export function createPluginLog(deps: { pluginId: string; log: Logger; now(): number }): PluginLog {
  const { pluginId, log } = deps
  const budget = createLineBudget(deps.now)

  function write(level: LogLevel, text: string, more: Record<string, unknown>) {
    // Cut first: escaping makes six characters of one.
    const line = budget.take(cutLine(text))
    if (line === null) return
    const dropped = budget.takeDropped()
    log[levels[level]](
      { plugin: pluginId, ...more, ...(dropped > 0 ? { droppedLines: dropped } : {}) },
      escapeLine(line),
    )
  }

  return {
    line: ({ level, message, meta }) =>
      write(level, message, meta === undefined || meta === null ? {} : { meta: shorten(meta) }),
    output: text => write('info', text, { printed: true }),
  }
}

/** As text, so that no field of it can pass for a field of ours. */
function shorten(meta: unknown): string {
  const text = JSON.stringify(meta) ?? String(meta)
  return escapeLine(text.length > MAX_META_CHARS ? `${text.slice(0, MAX_META_CHARS)}…` : text)
}
