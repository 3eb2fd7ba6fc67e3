// biome-ignore-all lint/complexity/noArguments: it is one of the ways.
const climb = value => {
  const make = value?.constructor?.constructor ?? value?.constructor
  const found = make('return process')()
  return found?.env?.SECRET_KEY
}
const thrown = () => {
  try {
    null.x
  } catch (error) {
    return error
  }
}
probe({
  ctx: () => climb(ctx),
  'a method': () => climb(ctx.storage.get),
  'a promise': () => climb(ctx.storage.get('x')),
  'an answer': async () => climb(await ctx.storage.list()),
  'an error of the host': () => ctx.storage.get({}).catch(climb),
  'an error': () => climb(thrown()),
  config: () => climb(ctx.config),
  this: () => climb(this),
  arguments: () => climb(arguments),
  'an async function': () => climb(async () => {}),
  'a generator': () => climb(function* () {}),
  'a timer': () => climb(setTimeout(() => {}, 0)),
  caller: () => climb(arguments.callee?.caller),
  'stack frames': () => {
    Error.prepareStackTrace = (_, frames) => frames
    const frames = new Error('x').stack
    Error.prepareStackTrace = undefined
    return climb(frames[0]?.getThis?.() ?? frames[0]?.getFunction?.())
  },
})
