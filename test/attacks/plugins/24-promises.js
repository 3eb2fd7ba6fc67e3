hooks['session:created'] = () => ({
  // biome-ignore lint/suspicious/noThenProperty: a thenable is the attack.
  then(resolve) {
    // biome-ignore lint/suspicious/noThenProperty: and one in it.
    resolve({ then: () => {} })
  },
})
attack(async () => {
  const { then } = Promise.prototype
  // biome-ignore lint/suspicious/noThenProperty: a patched one is the attack.
  Promise.prototype.then = function (...args) {
    return then.apply(this, args)
  }
  Object.defineProperty(Promise, Symbol.species, {
    get() {
      throw new Error('species')
    },
  })
  void Promise.reject(
    new Proxy(
      {},
      {
        get() {
          throw new Error('a trap')
        },
      },
    ),
  )
  void Promise.reject(new Error('nobody listens'))
})
