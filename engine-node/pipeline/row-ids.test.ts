import { describe, expect, it } from 'vitest'
import { createRowIds } from './row-ids.ts'

describe('row ids', () => {
  it('are UUIDs of version 7', () => {
    const next = createRowIds({ now: () => 1_700_000_000_000 })
    expect(next()).toMatch(/^018bcfe5-6800-7000-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  })

  it('sort as they were made, within a millisecond and over a clock that steps back', () => {
    let time = 1_700_000_000_000
    const next = createRowIds({ now: () => time })
    const ids = Array.from({ length: 10_000 }, next)
    time -= 5_000
    ids.push(next())
    time += 60_000
    ids.push(next())
    expect(ids.toSorted()).toEqual(ids)
    expect(new Set(ids).size).toBe(ids.length)
  })
})
