// What the attacks are looked over with finds what stays.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { createConnection, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { descendantsOf } from './attack-rig.ts'
import { holdingsOf, waitForNothingLeft } from './orphans.ts'

let dataDir: string
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'wharf-orphans-'))
})
afterEach(() => rmSync(dataDir, { recursive: true, force: true }))

it('a process, a file, a descriptor and a local socket', async () => {
  // This very process in the place of a gateway.
  const rig = { pid: process.pid, dataDir, descendants: () => descendantsOf(process.pid) }
  const before = holdingsOf(rig)
  await waitForNothingLeft(rig, before)

  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' })
  const file = join(dataDir, 'left')
  writeFileSync(file, '')
  const fd = openSync(file, 'r')
  const server = createServer().listen(join(dataDir, 'socket'))
  await once(server, 'listening')
  const socket = createConnection(join(dataDir, 'socket'))
  await once(socket, 'connect')
  const left = await waitForNothingLeft(rig, before, 0).catch(String)
  expect(left).toContain(`process ${child.pid}`)
  expect(left).toContain('file left')
  expect(left).toContain(`descriptor of ${file}`)
  expect(left).toContain('descriptor of a local socket')

  child.kill('SIGKILL')
  closeSync(fd)
  socket.destroy()
  server.close()
  rmSync(file)
  await waitForNothingLeft(rig, before)
})
