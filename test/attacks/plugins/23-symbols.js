hooks['session:created'] = () => ({
  [Symbol.toPrimitive]: () => {
    throw new Error('converted')
  },
  continue: { valueOf: () => false },
  data: Object.assign([1, 2, 3], { constructor: { [Symbol.species]: Array } }),
})
attack(async () => {
  const value = {
    [Symbol.for('nodejs.util.inspect.custom')]: () => {
      throw new Error('inspected')
    },
    toJSON: () => ({ [Symbol.iterator]: 1, text: 'plain' }),
    get level() {
      return 'fatal'
    },
  }
  ctx.logger.log('a value of its own', value)
  ctx.logger.error(
    'an error of its own',
    Object.assign(new Error('x'), { cause: value, [Symbol.toStringTag]: 'Y' }),
  )
  await ctx.storage.set('symbols', value)
  say(
    'stored',
    JSON.stringify(await ctx.storage.get('symbols')) === '{"text":"plain"}' ? 'nothing' : 'GOT another',
  )
})
