// structuredClone, within one realm: what the standard names as serializable, with cycles; the rest is a DataCloneError.
import { GuestDOMException } from './event-target.ts'

const boxes = [Boolean, Number, String, BigInt] as const
const errorTypes = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError }

/** Lists to be transferred are copied: there is no other side. */
export function structuredClone(value: unknown): unknown {
  return cloneOf(value, new Map())
}

function cloneOf(value: unknown, seen: Map<object, unknown>): unknown {
  if (typeof value === 'symbol' || typeof value === 'function') throw uncloneable(value)
  if (typeof value !== 'object' || value === null) return value
  if (seen.has(value)) return seen.get(value)
  const remember = <T>(copy: T): T => {
    seen.set(value, copy)
    return copy
  }
  const again = (inner: unknown) => cloneOf(inner, seen)

  if (boxes.some(box => value instanceof box))
    return remember(Object((value as { valueOf(): unknown }).valueOf()))
  if (value instanceof Date) return remember(new Date(value.getTime()))
  if (value instanceof RegExp) return remember(new RegExp(value.source, value.flags))
  if (value instanceof ArrayBuffer) return remember(value.slice(0))
  if (ArrayBuffer.isView(value)) return remember(cloneView(value, again))
  if (value instanceof Map) {
    const copy = remember(new Map())
    for (const [key, inner] of [...value]) copy.set(again(key), again(inner))
    return copy
  }
  if (value instanceof Set) {
    const copy = remember(new Set())
    for (const inner of [...value]) copy.add(again(inner))
    return copy
  }
  if (value instanceof Error) return remember(cloneError(value, again))
  if (
    value instanceof Promise ||
    value instanceof WeakMap ||
    value instanceof WeakSet ||
    value instanceof WeakRef
  )
    throw uncloneable(value)
  const copy: Record<string, unknown> | unknown[] = remember(
    Array.isArray(value) ? new Array(value.length) : {},
  )
  for (const key of Object.keys(value)) {
    const inner = again(Reflect.get(value, key))
    Object.defineProperty(copy, key, { value: inner, writable: true, enumerable: true, configurable: true })
  }
  return copy
}

function cloneView(view: ArrayBufferView, again: (inner: unknown) => unknown): unknown {
  const buffer = again(view.buffer) as ArrayBuffer
  // A Buffer comes out as the plain array that it extends, as it does in Node.
  const type = view instanceof Uint8Array ? Uint8Array : (view.constructor as typeof Uint8Array)
  const length = view instanceof DataView ? view.byteLength : (view as Uint8Array).length
  return new type(buffer, view.byteOffset, length)
}

function cloneError(error: Error, again: (inner: unknown) => unknown): Error {
  const type = errorTypes[error.name as keyof typeof errorTypes] ?? Error
  const copy = new type(error.message)
  Object.defineProperty(copy, 'stack', { value: String(error.stack), writable: true, configurable: true })
  if ('cause' in error) Object.defineProperty(copy, 'cause', { value: again(error.cause), writable: true })
  return copy
}

function uncloneable(value: unknown): GuestDOMException {
  const what = typeof value === 'function' ? value.name || 'function' : Object.prototype.toString.call(value)
  return new GuestDOMException(`${what} could not be cloned.`, 'DataCloneError')
}
