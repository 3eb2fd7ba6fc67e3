// require('assert').
import { isDeepEqual } from './deep-equal.ts'
import { inspect } from './inspect.ts'

interface Failure {
  message?: unknown
  actual?: unknown
  expected?: unknown
  operator?: string
}

class AssertionError extends Error {
  readonly code = 'ERR_ASSERTION'
  readonly actual: unknown
  readonly expected: unknown
  readonly operator: string | undefined
  readonly generatedMessage: boolean

  constructor({ message, actual, expected, operator }: Failure) {
    super(
      message === undefined
        ? `${inspect(actual)} ${operator ?? 'fail'} ${inspect(expected)}`
        : String(message),
    )
    this.name = 'AssertionError'
    this.actual = actual
    this.expected = expected
    this.operator = operator
    this.generatedMessage = message === undefined
  }
}

function check(holds: boolean, failure: Failure): void {
  if (holds) return
  if (failure.message instanceof Error) throw failure.message
  throw new AssertionError(failure)
}

/** A comparison as an assertion, and the same turned round. */
function comparison(operator: string, holds: (actual: unknown, expected: unknown) => boolean, wanted = true) {
  return (actual: unknown, expected: unknown, message?: unknown) =>
    check(holds(actual, expected) === wanted, { actual, expected, message, operator })
}

const ok = (value?: unknown, message?: unknown): void =>
  check(Boolean(value), {
    actual: value,
    expected: true,
    message: message ?? 'The expression evaluated to a falsy value',
    operator: '==',
  })

// biome-ignore lint/suspicious/noDoubleEquals: that is what the loose comparison promises.
const loose = (a: unknown, b: unknown) => a == b || (Number.isNaN(a) && Number.isNaN(b))
const deep = (a: unknown, b: unknown) => isDeepEqual(a, b, false)
const deepStrict = (a: unknown, b: unknown) => isDeepEqual(a, b, true)

/** Whether what was thrown is what was expected: a pattern, a class, a predicate, or an object of properties. */
function isExpected(thrown: unknown, expected: unknown): boolean {
  if (expected === undefined || typeof expected === 'string') return true
  if (expected instanceof RegExp) return expected.test(String(thrown))
  if (typeof expected === 'function') {
    if (expected.prototype !== undefined && thrown instanceof expected) return true
    if (expected === Error || expected.prototype instanceof Error) return false
    return Reflect.apply(expected, undefined, [thrown]) === true
  }
  return Object.entries(Object(expected)).every(([key, value]) => {
    const actual: unknown = Reflect.get(Object(thrown), key)
    return value instanceof RegExp && typeof actual === 'string'
      ? value.test(actual)
      : deepStrict(actual, value)
  })
}

function judgeThrown(thrown: unknown, expected: unknown): void {
  if (isExpected(thrown, expected)) return
  // An error of another class than the expected one is news by itself.
  if (typeof expected === 'function' && thrown instanceof Error) throw thrown
  throw new AssertionError({ actual: thrown, expected, operator: 'throws' })
}

function throws(run: () => unknown, expected?: unknown, message?: unknown): void {
  try {
    run()
  } catch (thrown) {
    judgeThrown(thrown, expected)
    return
  }
  throw new AssertionError({ message: message ?? 'Missing expected exception.', operator: 'throws' })
}

async function rejects(run: unknown, expected?: unknown, message?: unknown): Promise<void> {
  try {
    await (typeof run === 'function' ? run() : run)
  } catch (thrown) {
    judgeThrown(thrown, expected)
    return
  }
  throw new AssertionError({ message: message ?? 'Missing expected rejection.', operator: 'rejects' })
}

const assertions = {
  AssertionError,
  ok,
  fail(message: unknown = 'Failed'): never {
    throw message instanceof Error ? message : new AssertionError({ message, operator: 'fail' })
  },
  equal: comparison('==', loose),
  notEqual: comparison('!=', loose, false),
  strictEqual: comparison('===', Object.is),
  notStrictEqual: comparison('!==', Object.is, false),
  deepEqual: comparison('deepEqual', deep),
  notDeepEqual: comparison('notDeepEqual', deep, false),
  deepStrictEqual: comparison('deepStrictEqual', deepStrict),
  notDeepStrictEqual: comparison('notDeepStrictEqual', deepStrict, false),
  match: comparison('match', (text, pattern) => pattern instanceof RegExp && pattern.test(String(text))),
  doesNotMatch: comparison(
    'doesNotMatch',
    (text, pattern) => pattern instanceof RegExp && pattern.test(String(text)),
    false,
  ),
  throws,
  rejects,
  doesNotThrow: (run: () => unknown): void => void run(),
  ifError(value: unknown): void {
    if (value !== null && value !== undefined) throw value
  },
}

const strict = Object.assign((value: unknown, message?: unknown) => ok(value, message), assertions, {
  equal: assertions.strictEqual,
  notEqual: assertions.notStrictEqual,
  deepEqual: assertions.deepStrictEqual,
  notDeepEqual: assertions.notDeepStrictEqual,
})

export const assert = Object.assign((value: unknown, message?: unknown) => ok(value, message), assertions, {
  strict,
})
