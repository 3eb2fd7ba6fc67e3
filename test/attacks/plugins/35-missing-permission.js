probe({
  storage: () => ctx.storage.get('k'),
  send: () => ctx.messages.sendText(canary.session, 'a@c.us', 'x'),
  reply: () => ctx.messages.reply(canary.session, 'a@c.us', 'id', 'x'),
  fetch: () => ctx.net.fetch('https://example.com/'),
  engine: () => ctx.engine.getChats(canary.session),
  conversation: () =>
    ctx.conversations.send({ sessionId: canary.session, chatId: 'a@c.us', type: 'text', text: 'x' }),
  handover: () => ctx.handover.set({ sessionId: canary.session, chatId: 'a@c.us', instanceId: 'i' }, 'human'),
  mapping: () => ctx.mappings.getByProvider('i', 'p'),
})
