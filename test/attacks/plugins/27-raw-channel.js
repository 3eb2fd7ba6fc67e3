probe({
  'process.send': () => process.send({ t: 'event', method: 'log' }),
  'process.channel': () => process.channel,
  'worker data': () => load('node:worker_threads').workerData,
  broadcast: () =>
    new Promise(yes => {
      const channel = new BroadcastChannel('wharf')
      channel.onmessage = yes
      channel.postMessage('hello')
    }),
  'the names of the bridge': () =>
    globalThis.send ?? globalThis.call ?? globalThis.runtime ?? globalThis.files,
})
