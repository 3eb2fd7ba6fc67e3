import { expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { createWhatsApp } from './whatsapp.ts'

it('drops a client that does not speak the protocol', async () => {
  await using whatsapp = await createWhatsApp()
  const stranger = new WebSocket(whatsapp.url)
  await new Promise(resolve => stranger.once('open', resolve))
  const gone = new Promise(resolve => stranger.once('close', resolve))
  stranger.send('GET / HTTP/1.1')
  await gone
  expect(whatsapp.surprises).toEqual([expect.stringContaining('not a WhatsApp header')])
})
