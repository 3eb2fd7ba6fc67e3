import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BaileysEventMap, makeEventBuffer } from 'baileys'
import { pino } from 'pino'
import { expect, it } from 'vitest'
import { oursAlone, overhear } from './overhear.ts'

const message = { messages: [{ key: { id: 'A', remoteJid: '1@s.whatsapp.net' } }], type: 'notify' } as const

function createEvents() {
  const ev = makeEventBuffer(pino({ level: 'silent' }))
  const heard: string[] = []
  const told: string[] = []
  overhear(ev, event => heard.push(event))
  for (const event of ['messages.upsert', 'creds.update', 'lid-mapping.update'] as const)
    ev.on(event, () => void told.push(event))
  return { ev, heard, told }
}

it('hears of what happens while it is buffered, and leaves none of it in the buffer', () => {
  const { ev, heard, told } = createEvents()
  ev.buffer()
  ev.emit('messages.upsert', message as unknown as BaileysEventMap['messages.upsert'])
  expect(heard).toEqual(['messages.upsert'])
  ev.flush()
  expect(told).toEqual([])
})

it('passes on what Baileys itself waits for', () => {
  const { ev, heard, told } = createEvents()
  ev.emit('creds.update', {})
  ev.emit('lid-mapping.update', { lid: '9@lid', pn: '1@s.whatsapp.net' })
  expect(heard).toEqual(['creds.update', 'lid-mapping.update'])
  expect(told).toEqual(heard)
})

it('keeps to itself nothing that this release of Baileys listens to', () => {
  const lib = dirname(fileURLToPath(import.meta.resolve('baileys')))
  const sources = readdirSync(lib, { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.js'))
    .map(file => readFileSync(join(lib, file), 'utf8'))
  const listenedTo = sources.flatMap(source =>
    [...source.matchAll(/\bev\.(?:on|once|addListener)\('([^']+)'/g)].map(match => match[1] ?? ''),
  )
  expect(listenedTo).toEqual(expect.arrayContaining(['creds.update', 'lid-mapping.update', 'call']))
  expect(listenedTo.filter(event => oursAlone.has(event as keyof BaileysEventMap))).toEqual([])
})
