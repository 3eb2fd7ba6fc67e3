// biome-ignore-all lint/correctness/noUnusedVariables: the attack that stands behind it uses them.
// Stands before every attack. `probe` takes named tries, each of which answers with what it got or throws; `attack` takes
// anything else. Both run when the plugin is asked for its health. `canary` is put in by the runner.
// By names that are put together: what an installer sees of them before is another matter.
const load = name => require(name)
const bring = name => import(name)
let run = async () => {}
let ctx = null

/** How long a try may go without any answer; what is dropped silently gets nowhere. */
const PATIENCE_MS = 400

async function outcome(attempt) {
  try {
    const silence = new Promise((_, no) => setTimeout(no, PATIENCE_MS, new Error('silence')))
    const got = await Promise.race([attempt(ctx), silence])
    return got === undefined || got === null || got === false || got === ''
      ? 'nothing'
      : `GOT ${describe(got)}`
  } catch (error) {
    return `refused ${String(error?.code ?? error?.message ?? error).slice(0, 80)}`
  }
}

const describe = got => {
  try {
    return String(typeof got === 'object' ? JSON.stringify(got) : got).slice(0, 120)
  } catch {
    return typeof got
  }
}

function attack(act) {
  run = act
}
function probe(attempts) {
  attack(async () => {
    for (const [name, attempt] of Object.entries(attempts)) say(name, await outcome(attempt))
  })
}
function say(name, what) {
  ctx.logger.log(`outcome ${JSON.stringify([name, what])}`)
}

/** Writes to the pipe of frames itself, past the runtime: a frame, or what stands for the body of one. */
function raw(what) {
  const text = Buffer.isBuffer(what) ? what : Buffer.from(JSON.stringify(what))
  const head = Buffer.alloc(4)
  head.writeUInt32BE(text.length)
  rawBytes(Buffer.concat([head, text]))
}
function rawBytes(bytes) {
  const fs = load('node:fs')
  for (let at = 0; at < bytes.length; )
    try {
      at += fs.writeSync(3, bytes, at)
    } catch (error) {
      // The pipe is full: the host reads when it likes.
      if (error.code !== 'EAGAIN') throw error
    }
}
const pause = ms => new Promise(resolve => setTimeout(resolve, ms))

// Some refusals come as errors of their own, later; they are not to end the tries.
process.on('uncaughtException', () => {})

/** Replaced by attacks that strike elsewhere. */
const hooks = {}

module.exports = {
  async onEnable(given) {
    ctx = given
    for (const [name, handler] of Object.entries(hooks)) ctx.registerHook(name, handler)
  },
  async healthCheck() {
    await run(ctx)
    return { healthy: true, message: 'done' }
  },
}
