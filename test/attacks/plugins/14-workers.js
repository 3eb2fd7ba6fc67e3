const threads = () => load('node:worker_threads')
probe({
  'a worker': () => new (threads().Worker)('0', { eval: true }).threadId,
  'a thousand workers': () => Array.from({ length: 1_000 }, () => new (threads().Worker)(__filename)).length,
  'a worker of the class': () => new (module.constructor._load('worker_threads').Worker)('0', { eval: true }),
  'a web worker': () => new globalThis.Worker('data:,'),
})
