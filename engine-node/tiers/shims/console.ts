// console: lines for the operator's log of the plugin.
import { format } from './inspect.ts'

export function createConsole(print: (line: string) => void, now: () => number): Record<string, unknown> {
  const counts = new Map<string, number>()
  const starts = new Map<string, number>()
  let indent = ''
  const line = (...values: unknown[]) =>
    print(`${indent}${format(...values).replaceAll('\n', `\n${indent}`)}`)
  return {
    log: line,
    info: line,
    debug: line,
    warn: line,
    error: line,
    trace: line,
    dir: line,
    table: line,
    assert(holds: unknown, ...values: unknown[]) {
      if (!holds) line('Assertion failed', ...values)
    },
    count(label = 'default') {
      counts.set(label, (counts.get(label) ?? 0) + 1)
      line(`${label}: ${counts.get(label)}`)
    },
    countReset: (label = 'default') => void counts.delete(label),
    time: (label = 'default') => void starts.set(label, now()),
    timeEnd: (label = 'default') => line(`${label}: ${now() - (starts.get(label) ?? now())}ms`),
    timeLog: (label = 'default') => line(`${label}: ${now() - (starts.get(label) ?? now())}ms`),
    group(...values: unknown[]) {
      if (values.length > 0) line(...values)
      indent += '  '
    },
    groupEnd() {
      indent = indent.slice(2)
    },
  }
}
