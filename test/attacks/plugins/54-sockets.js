const connects = options =>
  new Promise((yes, no) => {
    const socket = load('node:net').connect(options)
    socket.once('connect', () => yes('connected'))
    socket.once('error', no)
  })
const http = name =>
  new Promise((yes, no) =>
    load(name)
      .get(`http://127.0.0.1:${canary.port}/`, answer => yes(answer.statusCode))
      .once('error', no),
  )
probe({
  tcp: () => connects({ host: '127.0.0.1', port: canary.port }),
  'tcp by name': () => connects({ host: 'localhost', port: canary.port }),
  'unix socket': () => connects({ path: canary.socket }),
  http: () => http('node:http'),
  fetch: async () => (await fetch(`http://127.0.0.1:${canary.port}/`)).status,
  'fetch of the api': async () => (await fetch(`${canary.api}/api/health`)).status,
  websocket: () =>
    new Promise((yes, no) => {
      const socket = new WebSocket(`ws://127.0.0.1:${canary.port}/`)
      socket.onopen = () => yes('open')
      socket.onerror = () => no(new Error('closed'))
    }),
  'event source': () => new EventSource(`http://127.0.0.1:${canary.port}/`) && null,
  'tls by itself': () =>
    new Promise((yes, no) => {
      const socket = load('node:tls').connect({ host: '127.0.0.1', port: canary.port })
      socket.once('secureConnect', () => yes('connected'))
      socket.once('error', no)
    }),
  listen: () =>
    new Promise((yes, no) => {
      const server = load('node:net').createServer().once('error', no)
      server.listen(0, '127.0.0.1', () => yes('listening'))
    }),
  udp: () =>
    new Promise((yes, no) => {
      const socket = load('node:dgram').createSocket('udp4').once('error', no)
      socket.send('x', canary.port, '127.0.0.1', error => (error ? no(error) : yes('sent')))
    }),
  'a name of its own': () =>
    new Promise((yes, no) => {
      const resolver = new (load('node:dns').Resolver)()
      resolver.setServers([`127.0.0.1:${canary.port}`])
      resolver.resolve4('canary.example', (error, found) => (error ? no(error) : yes(found)))
    }),
  'look up': () =>
    new Promise((yes, no) =>
      load('node:dns').lookup('canary.example', (error, found) => (error ? no(error) : yes(found))),
    ),
  'fetch by the gateway': async () => (await ctx.net.fetch(`http://127.0.0.1:${canary.port}/`)).status,
})
