// What a guest prints, as lines within bounds. It is text from a stranger: whoever shows it must escape it.
import type { Readable } from 'node:stream'
import { createLineBudget, type LineBudget, LOG_LINE_CHARS } from '../guest/line-budget.ts'

/** Bytes that a guest may print in its life; then its output is no longer read, and reading costs nothing (attack 49). */
export const MAX_OUTPUT_BYTES = 1024 * 1024

export interface OutputDeps {
  streams: readonly Readable[]
  now(): number
  onOutput(line: string): void
}

/** Reads both outputs under one budget. */
export function captureOutput({ streams, now, onOutput }: OutputDeps): void {
  const budget = createLineBudget(now)
  let bytes = 0
  for (const stream of streams) {
    let rest = ''
    stream.setEncoding('utf8')
    stream.on('error', () => {})
    stream.on('data', (chunk: string) => {
      bytes += chunk.length
      if (bytes > MAX_OUTPUT_BYTES) {
        for (const each of streams) each.destroy()
        onOutput(`[the plugin printed more than ${MAX_OUTPUT_BYTES} bytes: the rest is not read]`)
        return
      }
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      // A line without end is printed in pieces, so that no more than one piece is ever held.
      if (rest.length > LOG_LINE_CHARS) {
        lines.push(rest)
        rest = ''
      }
      for (const line of lines) print(line, budget, onOutput)
    })
    stream.on('end', () => {
      if (rest !== '') print(rest, budget, onOutput)
    })
  }
}

function print(line: string, budget: LineBudget, onOutput: (line: string) => void): void {
  const cut = budget.take(line)
  if (cut === null) return
  const dropped = budget.takeDropped()
  if (dropped > 0) onOutput(`[${dropped} lines were dropped: too many at once]`)
  onOutput(cut)
}
