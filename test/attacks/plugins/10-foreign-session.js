const send = sessionId => ctx.messages.sendText(sessionId, '15550000001@c.us', 'out')
probe({
  'its id': () => send(canary.session),
  'in a list': () => send([canary.session]),
  'in an object': () => send({ sessionId: canary.session, toString: () => canary.session }),
  'a pattern': () => send('*'),
  'another case': () => send(canary.session.toUpperCase()),
  'with a space': () => send(` ${canary.session}`),
  'with NUL': () => send(`${canary.session}\u0000`),
  'by name': () => send('canary'),
  chats: () => ctx.engine.getChats(canary.session).then(chats => `${chats.length} chats`),
  history: () =>
    ctx.engine.getChatHistory(canary.session, '15550000001@c.us').then(list => `${list.length} messages`),
  contacts: () => ctx.engine.getContacts(canary.session).then(list => `${list.length} contacts`),
  conversation: () =>
    ctx.conversations.send({
      sessionId: canary.session,
      chatId: '15550000001@c.us',
      type: 'text',
      text: 'x',
    }),
  handover: () =>
    ctx.handover
      .set({ sessionId: canary.session, chatId: '15550000001@c.us', instanceId: 'i' }, 'human')
      .then(() => 'taken over'),
})
