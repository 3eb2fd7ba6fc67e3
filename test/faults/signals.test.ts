// What an operating system does to a process: signals, outputs that nobody reads, errors that nobody expected. It ends when it is
// told to and in order, says so by its exit code, and never waits for who reads what it prints.
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { spawnGateway, until } from '../support/gateway.ts'
import { createWhatsApp } from '../whatsapp/whatsapp.ts'
import { createFaultyGateway, type FaultyGateway, linkSession } from './faulty-gateway.ts'
import { lastingFaults, settledFaults } from './invariants.ts'

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 })

const contactOf = ({ contacts: [first] }: FaultyGateway) => {
  if (!first) throw new Error('nobody to write to')
  return first
}
const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

describe('SIGTERM', () => {
  let faulty: FaultyGateway
  const start = async (env: Record<string, string> = {}) => {
    faulty = await createFaultyGateway({ env })
    await linkSession(faulty)
  }
  afterEach(() => faulty?.[Symbol.asyncDispose]())

  it('in traffic ends it in order: code 0, nothing accepted is lost, and the next start goes on', async () => {
    await start()
    const texts = Array.from({ length: 200 }, (_, n) => `under way ${n}`)
    const sends = texts.map(async text => {
      const answer = await faulty.send(contactOf(faulty), text)
      if (answer?.status === 201)
        faulty.accepted.push({ text, messageId: answer.body.messageId, readers: [contactOf(faulty)] })
    })
    for (let n = 0; n < 100; n += 1) await faulty.writes(contactOf(faulty), `comes ${n}`)
    await until(
      async () => faulty.accepted.length,
      count => count > 20,
    )
    process.kill(faulty.pid, 'SIGTERM')
    expect(await faulty.ended).toBe(0)
    await Promise.all(sends)
    expect(lastingFaults(faulty)).toEqual([])
    await faulty.start()
    await Promise.all(texts.map(text => faulty.insist(contactOf(faulty), text)))
    await faulty.settled()
    expect(settledFaults(faulty)).toEqual([])
  })

  it('in one moment with SIGINT and another of its kind, as a terminal and a launcher bring it, ends it in order too', async () => {
    await start()
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGINT']) process.kill(faulty.pid, signal)
    expect(await faulty.ended).toBe(0)
    // What an order leaves: one file, and nothing beside it.
    expect(readdirSync(faulty.dataDir).filter(name => name.startsWith('wharf.db'))).toEqual(['wharf.db'])
  })

  it.each([
    ['a second one ends it at once', 60_000, true],
    ['the grace time ends it', 500, false],
  ])('while the database hangs: %s', async (_what, graceMs, isSecond) => {
    await start({ SHUTDOWN_GRACE_MS: String(graceMs) })
    const code = `const db = new (require('node:sqlite').DatabaseSync)(process.argv[1], { timeout: 60000 })
      db.exec('BEGIN IMMEDIATE')
      process.stdout.write('held')
      setInterval(() => {}, 1000)`
    const file = join(faulty.dataDir, 'wharf.db')
    const holder = spawn(process.execPath, ['--no-warnings', '-e', code, file], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    try {
      await once(holder.stdout, 'data')
      const send = faulty.send(contactOf(faulty), 'waits')
      process.kill(faulty.pid, 'SIGTERM')
      if (isSecond) {
        expect(await Promise.race([faulty.ended, pause(1_000)])).toBeUndefined()
        process.kill(faulty.pid, 'SIGTERM')
      }
      const began = performance.now()
      expect(await faulty.ended).toBe(1)
      // Far below the time for which a locked database is waited for.
      expect(performance.now() - began).toBeLessThan(5_000)
      expect((await send)?.status).not.toBe(201)
      expect(lastingFaults(faulty)).toEqual([])
    } finally {
      holder.kill('SIGKILL')
    }
  })

  it.each([
    ['a promise that is rejected', `Promise.reject(new Error('nobody expected this'))`],
    ['an error that is thrown', `throw new Error('nobody expected this')`],
  ])(
    'is not needed where nobody expected %s: it says so, ends in order, and not as if all were well',
    async (_what, happens) => {
      const reject = `process.on('SIGUSR2', () => { ${happens} })`
      await start({ NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(reject)}` })
      const accepted = await faulty.insist(contactOf(faulty), 'before')
      await faulty.writes(contactOf(faulty), 'comes')
      process.kill(faulty.pid, 'SIGUSR2')
      expect(await faulty.ended).toBe(1)
      expect(faulty.output()).toContain('nobody expected this')
      expect(lastingFaults(faulty)).toEqual([])
      await faulty.start()
      expect(await faulty.insist(contactOf(faulty), 'before')).toMatchObject({
        messageId: accepted.messageId,
      })
      await faulty.settled()
      expect(settledFaults(faulty)).toEqual([])
    },
  )
})

describe('outputs that nobody reads', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'wharf-signals-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  /** A pipe with both ends here, so that it never blocks whoever opens one. */
  function makePipe(name: string) {
    const path = join(folder, name)
    execFileSync('mkfifo', [path])
    const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
    return {
      path,
      read() {
        const bytes = Buffer.alloc(65_536)
        try {
          return bytes.toString('utf8', 0, readSync(fd, bytes))
        } catch {
          return ''
        }
      },
      fill() {
        try {
          for (;;) writeSync(fd, Buffer.alloc(4096, '.'))
        } catch {
          // It takes no more: not a byte.
        }
        try {
          for (;;) writeSync(fd, '.')
        } catch {}
      },
      close: () => closeSync(fd),
    }
  }

  it('hold nothing up, nor does a reader who goes away, nor a standard input that is closed', async () => {
    await using whatsapp = await createWhatsApp()
    const [out, err] = [makePipe('out'), makePipe('err')]
    err.fill()
    const child = spawnGateway({
      dataDir: join(folder, 'data'),
      whatsappUrl: whatsapp.url,
      env: { LOG_LEVEL: 'trace', API_MASTER_KEY: 'a-key-for-tests-0123456789abcdef' },
      through: ['sh', '-c', `exec "$@" >${out.path} 2>${err.path} <&-`, 'sh'],
    })
    try {
      let text = ''
      const found = await until(
        async () => {
          text += out.read()
          return /listens on (http:\S+)/.exec(text)
        },
        match => match !== null,
        60_000,
      )
      out.fill()
      const ask = async (method: string, path: string, body?: unknown) => {
        const response = await fetch(`${found?.[1]}/api${path}`, {
          method,
          headers: { 'X-API-Key': 'a-key-for-tests-0123456789abcdef', 'Content-Type': 'application/json' },
          ...(body !== undefined && { body: JSON.stringify(body) }),
        })
        return { status: response.status, body: (await response.json()) as Record<string, string> }
      }
      const { id } = (await ask('POST', '/sessions', { name: 'main' })).body
      await ask('POST', `/sessions/${id}/start`)
      // Printed as well, to a pipe that takes nothing.
      const shown = await until(
        () => ask('GET', `/sessions/${id}/qr`),
        ({ status }) => status === 200,
      )
      const phone = whatsapp.phone('15550000001', { name: 'Alice' })
      await phone.scan(shown.body.qr ?? '')
      await until(
        () => ask('GET', `/sessions/${id}`),
        ({ body }) => body.status === 'ready',
      )
      out.close()
      err.close()
      const contact = whatsapp.contact('15551110001', { name: 'Bob' })
      await contact.write('unread', { to: phone, spoiled: true } as never)
      await contact.write('hello', { to: phone })
      await until(
        () => ask('GET', `/sessions/${id}/messages`),
        ({ body }) => JSON.stringify(body).includes('hello'),
      )
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      expect(await ended).toEqual([0, null])
    } finally {
      child.kill('SIGKILL')
    }
  })
})
