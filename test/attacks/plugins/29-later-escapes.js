const climbs = value => value?.constructor?.constructor?.('return process')()?.env?.SECRET_KEY
probe({
  'suppressed error': () => {
    const Suppressed = globalThis.SuppressedError ?? Error
    return climbs(new Suppressed(new Error('a'), new Error('b')).suppressed)
  },
  fromAsync: async () =>
    climbs(
      await Array.fromAsync([ctx.storage.get('x')]).catch(error => {
        return error
      }),
    ),
  'species of itself': () => {
    class List extends Array {
      static get [Symbol.species]() {
        return () => ctx
      }
    }
    return climbs(new List(1, 2).map(x => x))
  },
  'in operator': () => climbs(Object.getOwnPropertyDescriptor(Object.prototype, '__proto__')?.get?.call(ctx)),
  'proxy of a proxy': () =>
    climbs(new Proxy(new Proxy(ctx, {}), { get: (target, key) => Reflect.get(target, key) })),
  'tagged catch of wasm': () => WebAssembly.JSTag && null,
  'stack overflow in the host': () => {
    const deep = () => {
      try {
        return deep()
      } catch (error) {
        return climbs(error)
      }
    }
    return deep()
  },
  'property of a string object': () => climbs(Object('x')),
  'weak ref': () => climbs(new WeakRef(ctx).deref()),
})
