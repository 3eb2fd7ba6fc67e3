import { describe, expect, it } from 'vitest'
import { createBodyBudget } from './body-budget.ts'

const length = (bytes: number | string) => new Headers({ 'content-length': String(bytes) })
const unsaid = new Headers()
const mostBytes = 60
const overloaded = expect.objectContaining({ code: 'overloaded' })

describe('body-budget', () => {
  it('lets in what there is room for, and again what has gone', () => {
    const budget = createBodyBudget({ total: 100 })
    const first = budget.take(length(60), { mostBytes })
    budget.take(length(40), { mostBytes })
    expect(() => budget.take(length(1), { mostBytes })).toThrow(overloaded)
    budget.take(unsaid, { mostBytes })
    first.release()
    first.release()
    budget.take(length(60), { mostBytes })
    expect(() => budget.take(length(1), { mostBytes })).toThrow(overloaded)
  })

  it('counts no body above the largest, and one that does not say its length as it comes', () => {
    const budget = createBodyBudget({ total: 100 })
    budget.take(length(1_000), { mostBytes })
    budget.take(length('no number'), { mostBytes })
    budget.take(length(-5), { mostBytes })
    const lease = budget.take(unsaid, { mostBytes })
    lease.grow(30)
    lease.grow(10)
    expect(() => lease.grow(1)).toThrow(overloaded)
    expect(() => budget.take(length(1), { mostBytes })).toThrow(overloaded)
    lease.release()
    budget.take(length(40), { mostBytes })
  })

  it('never refuses the only one', () => {
    const budget = createBodyBudget({ total: 10 })
    const only = budget.take(unsaid, { mostBytes })
    only.grow(8)
    only.grow(8)
    expect(() => budget.take(length(1), { mostBytes })).toThrow(overloaded)
    only.release()
    budget.take(length(1_000_000), { mostBytes })
  })

  it('gives strangers a part of it, and one address of them a part of that', () => {
    const budget = createBodyBudget({ total: 800 })
    const take = (stranger: string, bytes: number) => budget.take(length(bytes), { mostBytes: 400, stranger })
    const first = take('192.0.2.1', 60)
    expect(() => take('192.0.2.1', 41)).toThrow(overloaded)
    take('192.0.2.1', 40)
    take('2001:db8::1', 60)
    expect(() => take('2001:db8::2', 41)).toThrow(overloaded)
    expect(() => take('192.0.2.3', 41)).toThrow(overloaded)
    take('192.0.2.3', 40)
    expect(() => take('192.0.2.4', 1)).toThrow(overloaded)
    first.release()
    take('192.0.2.4', 60)
    // Who shows a key has the rest to himself.
    budget.take(length(400), { mostBytes: 400 })
    budget.take(length(200), { mostBytes: 400 })
    expect(() => budget.take(length(1), { mostBytes: 400 })).toThrow(overloaded)
  })
})
