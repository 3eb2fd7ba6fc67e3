attack(() => {
  const broken = () => {
    throw new Error('patched')
  }
  JSON.stringify = JSON.parse = broken
  globalThis.structuredClone = broken
  Array.prototype[Symbol.iterator] = broken
  Function.prototype.call = broken
  Function.prototype.apply = broken
  Map.prototype.get = broken
  for (const name of ['t', 'id', 'method', 'params'])
    Object.defineProperty(Object.prototype, name, { set: broken, get: () => 'patched', configurable: true })
})
