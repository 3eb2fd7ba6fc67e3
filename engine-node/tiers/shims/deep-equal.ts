// Whether two values are the same all the way down, strictly or as `==` compares: for assert and util.

export function isDeepEqual(a: unknown, b: unknown, strict: boolean): boolean {
  return same(a, b, strict, new Map())
}

function same(a: unknown, b: unknown, strict: boolean, seen: Map<object, object>): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null)
    // biome-ignore lint/suspicious/noDoubleEquals: that is what the loose comparison promises.
    return !strict && (a == b || (Number.isNaN(a) && Number.isNaN(b)))
  if (strict && Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false
  if (Object.prototype.toString.call(a) !== Object.prototype.toString.call(b)) return false
  // A cycle is equal as long as nothing else on the way differs.
  if (seen.get(a) === b) return true
  seen.set(a, b)
  const equal = (x: unknown, y: unknown) => same(x, y, strict, seen)

  if (a instanceof Date && b instanceof Date) return a.getTime() === b.getTime()
  if (a instanceof RegExp && b instanceof RegExp) return String(a) === String(b)
  if (a instanceof Error && b instanceof Error && (a.message !== b.message || a.name !== b.name)) return false
  if (a instanceof Map && b instanceof Map)
    return a.size === b.size && [...a].every(([key, value]) => b.has(key) && equal(value, b.get(key)))
  if (a instanceof Set && b instanceof Set)
    return (
      a.size === b.size && [...a].every(value => b.has(value) || [...b].some(other => equal(value, other)))
    )
  if (Array.isArray(a) && Array.isArray(b) && a.length !== b.length) return false
  const [keys, others] = [Object.keys(a), Object.keys(b)]
  return (
    keys.length === others.length &&
    keys.every(key => Object.hasOwn(b, key) && equal(Reflect.get(a, key), Reflect.get(b, key)))
  )
}
