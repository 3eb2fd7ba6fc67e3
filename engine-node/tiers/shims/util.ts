// require('util').
import { GuestBuffer } from './buffer.ts'
import { isDeepEqual } from './deep-equal.ts'
import { format, inspect } from './inspect.ts'
import { GuestTextDecoder, GuestTextEncoder } from './text-coding.ts'

type Fn = (...args: unknown[]) => unknown

const custom = Symbol.for('nodejs.util.promisify.custom')

function promisify(original: Fn & { [custom]?: Fn }): Fn {
  if (typeof original !== 'function') throw new TypeError('The "original" argument must be of type function')
  if (original[custom]) return original[custom]
  return function (this: unknown, ...args) {
    return new Promise((resolve, reject) => {
      const done = (error: unknown, value: unknown) => (error ? reject(error) : resolve(value))
      Reflect.apply(original, this, [...args, done])
    })
  }
}

function callbackify(original: Fn): Fn {
  return function (this: unknown, ...args) {
    const done = args.pop() as Fn
    Promise.resolve(Reflect.apply(original, this, args)).then(
      value => queueMicrotask(() => done(null, value)),
      error => queueMicrotask(() => done(error)),
    )
  }
}

function inherits(child: Fn, parent: Fn): void {
  Object.defineProperty(child, 'super_', { value: parent, writable: true, configurable: true })
  Object.setPrototypeOf(child.prototype, parent.prototype)
}

const tagOf = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1)
const is = (tag: string) => (value: unknown) => typeof value === 'object' && tagOf(value) === tag

const types = {
  isDate: is('Date'),
  isRegExp: is('RegExp'),
  isMap: is('Map'),
  isSet: is('Set'),
  isPromise: (value: unknown) => value instanceof Promise,
  isNativeError: (value: unknown) => value instanceof Error,
  isArrayBuffer: is('ArrayBuffer'),
  isAnyArrayBuffer: is('ArrayBuffer'),
  isTypedArray: (value: unknown) => ArrayBuffer.isView(value) && !(value instanceof DataView),
  isUint8Array: (value: unknown) => value instanceof Uint8Array,
  isAsyncFunction: (value: unknown) => tagOf(value) === 'AsyncFunction',
  isGeneratorFunction: (value: unknown) => tagOf(value) === 'GeneratorFunction',
}

export const util = {
  format,
  inspect,
  promisify: Object.assign(promisify, { custom }),
  callbackify,
  inherits,
  deprecate: (fn: Fn) => fn,
  debuglog: () => Object.assign(() => {}, { enabled: false }),
  isDeepStrictEqual: (a: unknown, b: unknown) => isDeepEqual(a, b, true),
  isArray: Array.isArray,
  isBuffer: GuestBuffer.isBuffer,
  stripVTControlCharacters: (text: string) => text.replace(/\u001b\[[0-9;]*[A-Za-z]/g, ''),
  toUSVString: (text: unknown) => String(text).toWellFormed(),
  TextEncoder: GuestTextEncoder,
  TextDecoder: GuestTextDecoder,
  types,
}
