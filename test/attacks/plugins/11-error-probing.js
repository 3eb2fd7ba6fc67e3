// What goes wrong in the host must not say how the host is made.
const telling =
  /\/(work|home|usr|tmp|root|node_modules)\/|\.ts\b|SQLITE|SELECT |INSERT |at \w+ \(|libsql|drizzle|X-API-Key/i
const told = async act => {
  try {
    await act()
  } catch (error) {
    const all = [error.message, error.code, JSON.stringify(error), String(error.cause ?? '')]
    // The stack is of the guest's own realm; a frame of the host in it would name a source file.
    all.push(
      String(error.stack)
        .split('\n')
        .filter(line => /engine-node|src\//.test(line))
        .join('\n'),
    )
    return all.find(text => telling.test(text ?? '')) ?? null
  }
  return null
}
probe({
  'no session': () => told(() => ctx.messages.sendText('nope', 'x', 'y')),
  'odd chat': () => told(() => ctx.messages.sendText(canary.session, '\u0000', 'y')),
  'cyclic value': () => {
    const value = {}
    value.self = value
    return told(() => ctx.storage.set('k', value))
  },
  'huge value': () => told(() => ctx.storage.set('k', 'x'.repeat(20_000_000))),
  'odd key': () => told(() => ctx.storage.get(Symbol('x'))),
  'lone surrogate': () => told(() => ctx.storage.set('\ud800', '\udfff')),
  'not a number': () => told(() => ctx.storage.set('k', Number.NaN)),
  unmapped: () => told(() => ctx.mappings.getByProvider('i', 'x')),
  'fetch of nonsense': () => told(() => ctx.net.fetch('nonsense')),
  'fetch of loopback': () => told(() => ctx.net.fetch(`http://127.0.0.1:${canary.port}/`)),
})
