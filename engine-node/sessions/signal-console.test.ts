import { describe, expect, it } from 'vitest'
import { silenceSignalConsole } from './signal-console.ts'

function createConsole() {
  const lines: unknown[][] = []
  const print = (...words: unknown[]) => void lines.push(words)
  return { lines, log: print, info: print, warn: print, error: print }
}

describe('signal console', () => {
  it('lets no line of libsignal through, and every other one', () => {
    const target = createConsole()
    silenceSignalConsole(target)
    target.info('Closing session:', { privKey: 'secret' })
    target.warn('Session already closed', { privKey: 'secret' })
    target.error('Session error:Error: Bad MAC', 'stack')
    target.info('A session was closed')
    target.error(new Error('x'))
    expect(target.lines).toEqual([['A session was closed'], [new Error('x')]])
  })

  it('gives the console back', () => {
    const target = createConsole()
    const { info } = target
    silenceSignalConsole(target)()
    expect(target.info).toBe(info)
  })
})
