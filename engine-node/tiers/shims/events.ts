// require('events'): EventEmitter, on and once.

type Handler = (...args: unknown[]) => unknown
interface Entry {
  handler: Handler
  once: boolean
}

/** A function, not a class: old code calls it on its own objects to inherit. */
export interface EventEmitter {
  on(name: PropertyKey, handler: Handler): this
  once(name: PropertyKey, handler: Handler): this
  off(name: PropertyKey, handler: Handler): this
  emit(name: PropertyKey, ...args: unknown[]): boolean
}

const tables = new WeakMap<object, Map<PropertyKey, Entry[]>>()

function tableOf(emitter: object): Map<PropertyKey, Entry[]> {
  const table = tables.get(emitter) ?? new Map<PropertyKey, Entry[]>()
  tables.set(emitter, table)
  return table
}

function assertHandler(handler: unknown): asserts handler is Handler {
  if (typeof handler === 'function') return
  throw Object.assign(new TypeError('The "listener" argument must be of type function'), {
    code: 'ERR_INVALID_ARG_TYPE',
  })
}

function add(
  emitter: EventEmitter,
  name: PropertyKey,
  handler: unknown,
  once: boolean,
  first: boolean,
): void {
  assertHandler(handler)
  const table = tableOf(emitter)
  if (table.has('newListener')) emitter.emit('newListener', name, handler)
  const entries = table.get(name) ?? []
  const entry = { handler, once }
  table.set(name, first ? [entry, ...entries] : [...entries, entry])
}

function remove(emitter: EventEmitter, name: PropertyKey, entry: Entry | undefined): void {
  const table = tableOf(emitter)
  const rest = (table.get(name) ?? []).filter(other => other !== entry)
  if (rest.length > 0) table.set(name, rest)
  else table.delete(name)
  if (entry && table.has('removeListener')) emitter.emit('removeListener', name, entry.handler)
}

const methods = {
  on(name: PropertyKey, handler: unknown) {
    add(this as never, name, handler, false, false)
    return this
  },
  once(name: PropertyKey, handler: unknown) {
    add(this as never, name, handler, true, false)
    return this
  },
  prependListener(name: PropertyKey, handler: unknown) {
    add(this as never, name, handler, false, true)
    return this
  },
  prependOnceListener(name: PropertyKey, handler: unknown) {
    add(this as never, name, handler, true, true)
    return this
  },
  off(name: PropertyKey, handler: unknown) {
    remove(
      this as never,
      name,
      tableOf(this)
        .get(name)
        ?.findLast(entry => entry.handler === handler),
    )
    return this
  },
  removeAllListeners(name?: PropertyKey) {
    if (name === undefined) tableOf(this).clear()
    else tableOf(this).delete(name)
    return this
  },
  emit(name: PropertyKey, ...args: unknown[]) {
    const entries = tableOf(this).get(name)
    if (entries === undefined) {
      if (name !== 'error') return false
      throw args[0] instanceof Error ? args[0] : new Error(`Unhandled error. (${String(args[0])})`)
    }
    for (const entry of entries) {
      if (entry.once) remove(this as never, name, entry)
      Reflect.apply(entry.handler, this, args)
    }
    return true
  },
  listeners(name: PropertyKey) {
    return (tableOf(this).get(name) ?? []).map(({ handler }) => handler)
  },
  listenerCount(name: PropertyKey) {
    return tableOf(this).get(name)?.length ?? 0
  },
  eventNames() {
    return [...tableOf(this).keys()]
  },
  setMaxListeners() {
    return this
  },
  getMaxListeners: () => Number.POSITIVE_INFINITY,
}

export function EventEmitter(this: unknown): void {}
Object.assign(EventEmitter.prototype, methods, {
  addListener: methods.on,
  removeListener: methods.off,
  rawListeners: methods.listeners,
})

/** The first event of that name, as the list of its arguments. */
function once(emitter: EventEmitter, name: PropertyKey): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    const failed = (error: unknown) => {
      emitter.off(name, done)
      reject(error)
    }
    const done = (...args: unknown[]) => {
      emitter.off('error', failed)
      resolve(args)
    }
    emitter.once(name, done)
    if (name !== 'error') emitter.once('error', failed)
  })
}

export const events = Object.assign(EventEmitter, {
  EventEmitter,
  default: EventEmitter,
  once,
  defaultMaxListeners: 10,
})
