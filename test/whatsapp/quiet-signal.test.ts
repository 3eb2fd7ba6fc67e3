import { expect, it } from 'vitest'
import { quietSignal } from './quiet-signal.ts'

it('keeps out what libsignal prints, lets the rest through, and can be undone', () => {
  const printed: unknown[] = []
  const print = (...words: unknown[]) => void printed.push(words)
  const target = { info: print, warn: print, error: print }
  const loud = quietSignal(target)
  target.info('Closing session:', { privKey: 'secret' })
  target.error('Session error:Error: Bad MAC')
  target.warn('Closing the shop')
  expect(printed).toEqual([['Closing the shop']])
  loud()
  expect(target.info).toBe(print)
})
