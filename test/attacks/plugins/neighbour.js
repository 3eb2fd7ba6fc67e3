// Not an attack: the second plugin, which must go on serving and keep its value.
hooks['session:created'] = async () => {
  await ctx.storage.set('seen', ((await ctx.storage.get('seen')) ?? 0) + 1)
}
module.exports.onEnable = async given => {
  ctx = given
  await ctx.storage.set('secret', canary.value)
  for (const [name, handler] of Object.entries(hooks)) ctx.registerHook(name, handler)
}
module.exports.healthCheck = async () => ({ healthy: true, message: String(await ctx.storage.get('secret')) })
