import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { expect, it } from 'vitest'
import { silenceSignalConsole } from '../../engine-node/sessions/signal-console.ts'
import { createBaileysClient } from './baileys-client.ts'
import { createRecorder } from './recorder.ts'

interface Line {
  readonly url?: string
  readonly rootKey?: string
  readonly id?: number
  readonly result?: unknown
  readonly error?: string
}

it('serves a client from a process of its own, and ends with its stdin', async () => {
  const loud = silenceSignalConsole()
  const child = spawn(process.execPath, [new URL('serve.ts', import.meta.url).pathname], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  const lines = createRecorder<Line>({ what: 'stdout', describe: line => JSON.stringify(line) })
  createInterface({ input: child.stdout }).on('line', line => lines.add(JSON.parse(line)))
  let asked = 0
  async function ask(name: string, args: object = {}): Promise<unknown> {
    const id = ++asked
    child.stdin.write(`${JSON.stringify({ do: name, id, ...args })}\n`)
    const { result, error } = await lines.find(line => line.id === id)
    if (error !== undefined) throw new Error(error)
    return result
  }

  const { url = '', rootKey = '' } = await lines.find(line => line.url !== undefined)
  const pn = '15550000001'
  const onQr = (qr: string) => ask('scan', { pn, name: 'Alice', qr })
  const whatsapp = { url, rootKey: Buffer.from(rootKey, 'hex') }
  await using client = createBaileysClient({ whatsapp, onQr })
  await client.open()

  const ids = await ask('write', { from: ['15550000002', '15550000003'], to: pn, text: 'number', count: 4 })
  for (const number of [0, 1, 2, 3]) await client.hears(`number ${number}`)
  expect(await ask('ids', { direction: 'out', kind: 'message' })).toEqual(ids)

  await ask('hold', { pn, holding: true })
  const [held] = (await ask('write', { from: ['15550000002'], to: pn, text: 'held' })) as string[]
  expect(await ask('ids', { direction: 'out', kind: 'message' })).toEqual(ids)
  await ask('hold', { pn, holding: false })
  await client.hears('held')
  expect(await ask('ids', { direction: 'out', kind: 'message' })).toEqual([...(ids as string[]), held])

  await ask('contact', { pn: '15550000002' })
  const id = await client.send('15550000002@s.whatsapp.net', 'back')
  await expect.poll(() => ask('inbox', { pn: '15550000002' })).toEqual([{ id, text: 'back', from: pn }])

  await expect(ask('disconnect', { pn, kind: 'politely' })).rejects.toThrow('politely')
  await expect(ask('dance')).rejects.toThrow('unknown command dance; known: scan')
  await ask('disconnect', { pn, kind: '503' })
  expect(await client.closed()).toBe(503)
  expect(await ask('surprises')).toEqual([])

  child.stdin.end()
  expect(await ended).toEqual([0, null])
  loud()
})
