// The gateway's side against a process of isolates that an isolate has broken out into: it may say and do anything.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createClock } from '../clock.ts'
import { createIsolateTier } from './isolate.ts'
import type { TierHost } from './tier.ts'

/** Speaks frames by hand; the second argument says what it does with each call of the gateway. */
const IMPOSTOR = `
const { Socket } = require('node:net')
const act = require('node:fs').readFileSync(process.argv[3], 'utf8')
const pipe = fd => new Socket({ fd, readable: true, writable: true })
const control = pipe(3)
const slot = pipe(4)
slot.on('error', () => {})
slot.resume()
const write = text => {
  const body = Buffer.from(text)
  const prefix = Buffer.alloc(4)
  prefix.writeUInt32BE(body.length)
  control.write(Buffer.concat([prefix, body]))
}
let buffer = Buffer.alloc(0)
control.on('data', chunk => {
  buffer = Buffer.concat([buffer, chunk])
  while (buffer.length >= 4 && buffer.length >= 4 + buffer.readUInt32BE(0)) {
    const frame = JSON.parse(buffer.toString('utf8', 4, 4 + buffer.readUInt32BE(0)))
    buffer = buffer.subarray(4 + buffer.readUInt32BE(0))
    const answer = value => write(JSON.stringify({ t: 'result', id: frame.id, value }))
    const event = (method, params) => write(JSON.stringify({ t: 'event', method, params }))
    new Function('frame', 'answer', 'event', 'write', 'slot', act)(frame, answer, event, write, slot)
  }
})
`

const ACTS = {
  liar: 'answer({ memoryBytes: "many" })',
  babbler: 'write("{}")',
  flood: 'answer(null); for (let n = 0; n < 50000; n += 1) event("print", { slot: 0, line: "x" })',
  forger: 'answer(null); for (let n = 0; n < 30; n += 1) event("ended", { slot: "all", how: {} })',
  quitter: 'answer(null); setTimeout(() => slot.destroy(), 20)',
  stubborn: 'if (frame.method === "open") answer(null)',
  stranger: 'answer(null); event("ended", { slot: 7, how: "x" }); event("print", { slot: 7, line: "x" })',
}

let folder = ''
const tiers: TierHost[] = []
const warned: string[] = []
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wharf-impostor-'))
  await writeFile(join(folder, 'impostor.cjs'), IMPOSTOR)
  for (const [name, act] of Object.entries(ACTS)) await writeFile(join(folder, name), act)
})
afterEach(async () => {
  for (const tier of tiers.splice(0)) await tier[Symbol.asyncDispose]()
})
afterAll(() => rm(folder, { recursive: true }))

async function open(act: keyof typeof ACTS) {
  const log = pino({ level: 'warn' }, { write: line => void warned.push(line) })
  const tier = await createIsolateTier({
    nodePath: process.execPath,
    hostFile: join(folder, 'impostor.cjs'),
    runtimeFile: join(folder, act),
    probed: { sandbox: null, why: 'not needed here' },
    clock: createClock(),
    log,
    trustOf: () => '',
    // The impostor is told what to do as text.
    flags: files => ['--no-node-snapshot', files.guestFile, files.addonFile, files.runtimeFile],
  })
  tiers.push(tier)
  const packageDir = await mkdtemp(join(folder, 'package-'))
  const printed: string[] = []
  const guest = await tier.open({
    pluginId: 'p',
    packageDir,
    memoryMb: 32,
    onOutput: line => printed.push(line),
  })
  return { guest, printed }
}

describe('a process that lies', () => {
  it('by breaking the protocol is ended with that reason', async () => {
    await expect(open('babbler')).rejects.toMatchObject({ code: 'plugin_crashed' })
    const forging = await open('forger')
    expect(await forging.guest.channel.closed).toMatchObject({
      code: 'plugin_crashed',
      message: expect.stringContaining('Broke the protocol'),
    })
  })

  it('by a flood of events is ended', async () => {
    const { guest, printed } = await open('flood')
    expect(await guest.channel.closed).toMatchObject({
      message: expect.stringContaining('Sent more calls and events than it may'),
    })
    expect(printed.length).toBeLessThanOrEqual(200)
  })

  it('by falling silent about an isolate does not keep its channel open', async () => {
    const { guest } = await open('quitter')
    expect(await guest.channel.closed).toMatchObject({ code: 'plugin_crashed' })
  })

  it('by not ending an isolate is ended itself', async () => {
    const { guest } = await open('stubborn')
    const started = performance.now()
    await guest[Symbol.asyncDispose]()
    expect(performance.now() - started).toBeLessThan(3_000)
  })

  it('about what it uses is not believed', async () => {
    const { guest } = await open('liar')
    expect(await guest.usage()).toBeNull()
  })

  it('about an isolate that is none is not heard', async () => {
    const { guest, printed } = await open('stranger')
    expect(await guest.usage()).toBeNull()
    expect(printed).toEqual([])
  })
})
