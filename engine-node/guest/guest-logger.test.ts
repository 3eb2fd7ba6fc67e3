import { describe, expect, it } from 'vitest'
import { createGuestLogger } from './guest-logger.ts'
import { createLineBudget, LOG_LINE_CHARS, LOG_LINES, LOG_WINDOW_MS } from './line-budget.ts'

function start() {
  let time = 0
  const lines: { level: string; message: string; meta?: unknown }[] = []
  const logger = createGuestLogger({ budget: createLineBudget(() => time), send: line => lines.push(line) })
  const advance = (ms: number) => {
    time += ms
  }
  return { logger, lines, advance }
}

describe('the logger of a plugin', () => {
  it('has the levels of the contract, with meta and errors', () => {
    const { logger, lines } = start()
    logger.log('a', { n: 1 })
    logger.debug('b')
    logger.warn('c')
    logger.error('d')
    logger.error('e', new Error('why'), { n: 2 })
    logger.error('f', 'text')
    expect(lines).toMatchObject([
      { level: 'info', message: 'a', meta: { n: 1 } },
      { level: 'debug', message: 'b' },
      { level: 'warn', message: 'c' },
      { level: 'error', message: 'd' },
      { level: 'error', message: expect.stringMatching(/^e: Error: why\n/), meta: { n: 2 } },
      { level: 'error', message: 'f: text' },
    ])
  })

  it('takes whatever it is given', () => {
    const { logger, lines } = start()
    const cyclic: Record<string, unknown> = {}
    cyclic.self = cyclic
    for (const message of [undefined, null, 1n, Symbol('s'), cyclic, new Error('x')])
      logger.log(message, cyclic)
    logger.log('big', { text: 'x'.repeat(LOG_LINE_CHARS) })
    logger.log('function', () => {})
    expect(lines).toHaveLength(8)
    expect(() => JSON.stringify(lines)).not.toThrow()
    expect(JSON.stringify(lines[6]).length).toBeLessThan(LOG_LINE_CHARS + 200)
  })

  it('cuts long lines, and drops those above the rate with a note when it goes on', () => {
    const { logger, lines, advance } = start()
    logger.log('x'.repeat(LOG_LINE_CHARS + 1))
    expect(lines[0]?.message).toBe(`${'x'.repeat(LOG_LINE_CHARS)}… [cut]`)
    for (let n = 0; n < LOG_LINES + 49; n += 1) logger.log('line')
    expect(lines).toHaveLength(LOG_LINES)
    advance(LOG_WINDOW_MS)
    logger.log('next')
    expect(lines.slice(LOG_LINES).map(line => line.message)).toEqual([
      '50 log lines were dropped: too many at once',
      'next',
    ])
  })
})
