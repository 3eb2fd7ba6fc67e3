// What the process of the gateway owes to the machine it runs on: files for its owner alone, and an end for no client's sake.
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type GatewayProcess, startGateway } from '../support/gateway.ts'

let dataDir: string
let gateway: GatewayProcess

beforeAll(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'wharf-process-'))
  // As an administrator makes a folder, or a container runtime a volume.
  chmodSync(dataDir, 0o755)
  gateway = await startGateway({
    dataDir,
    whatsappUrl: 'ws://127.0.0.1:9',
    env: { ENGINE_TOKEN: 'a-token-that-api-and-engine-share-0001', ENGINE_PORT: '0' },
  })
})
afterAll(async () => {
  await gateway?.[Symbol.asyncDispose]()
  rmSync(dataDir, { recursive: true, force: true })
})

it('leaves nothing in its data folder that others may read', async () => {
  await gateway.ask('POST', '/sessions', { name: 'files' })
  const entries = readdirSync(dataDir, { recursive: true, encoding: 'utf8' })
  expect(entries).toEqual(expect.arrayContaining(['wharf.db', 'wharf.db-wal', '.api-key', 'encryption.key']))
  const open = entries.filter(entry => {
    const stat = statSync(join(dataDir, entry), { throwIfNoEntry: false })
    return stat !== undefined && (stat.mode & 0o077) !== 0
  })
  expect(open).toEqual([])
})

it('outlives a client that asks for another protocol and is gone', async () => {
  for (const kind of ['h2c', 'websocket'])
    for (let round = 0; round < 3; round += 1)
      await new Promise<void>(resolve => {
        const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1')
        const request = `GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: ${kind}\r\n\r\n`
        socket.on('error', () => {})
        socket.on('close', () => resolve())
        socket.write(request)
        socket.once('data', () => (round === 0 ? socket.destroySoon() : socket.resetAndDestroy()))
      })
  expect((await gateway.ask('GET', '/sessions')).status).toBe(200)
  expect(gateway.output()).not.toContain('ends the gateway')
})
