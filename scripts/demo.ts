// `npm run demo`: Wharf without a phone. The gateway runs as it always does; in WhatsApp's place stands the emulator of the
// tests. A contact asks, a plugin answers, and then the terminal is that contact's.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { fileURLToPath } from 'node:url'
import { startGateway } from '../engine-node/main.ts'
import { readSettings } from '../engine-node/settings.ts'
import { createWhatsApp } from '../test/whatsapp/whatsapp.ts'
import { packPlugin } from './pack.ts'

const PLUGIN = fileURLToPath(new URL('../plugins/wharf-auto-reply', import.meta.url))
const say = (who: string, text: string) => console.log(`${who.padStart(14)} │ ${text}`)

async function demo() {
  const folder = mkdtempSync(join(tmpdir(), 'wharf-demo-'))
  await using cleanUp = new AsyncDisposableStack()
  cleanUp.defer(() => rmSync(folder, { recursive: true, force: true }))

  const whatsapp = cleanUp.use(await createWhatsApp())
  const owner = whatsapp.phone('15550000001', { name: 'The shop' })
  const customer = whatsapp.contact('15550000002', { name: 'Bob' })

  const settings = readSettings({
    DATA_DIR: folder,
    PORT: '0',
    WHATSAPP_URL: whatsapp.url,
    LOG_LEVEL: 'fatal',
  })
  const gateway = cleanUp.use(await startGateway(settings, { print: () => {} }))
  say('Wharf', `listens on ${gateway.url}; WhatsApp is the emulator on ${whatsapp.url}`)

  const key = gateway.firstKey ?? ''
  /** One request of the API, as any client makes it. */
  async function ask(method: string, path: string, body?: unknown) {
    const response = await fetch(`${gateway.url}/api${path}`, {
      method,
      headers: {
        'X-API-Key': key,
        ...(body && !(body instanceof FormData) ? { 'Content-Type': 'application/json' } : {}),
      },
      ...(body ? { body: body instanceof FormData ? body : JSON.stringify(body) } : {}),
    })
    const answer = JSON.parse(await response.text())
    if (!response.ok)
      throw new Error(`${method} ${path} answered ${response.status}: ${JSON.stringify(answer)}`)
    return answer
  }

  /** Asks for the session until it is in the wanted state. */
  async function sessionIs(id: string, status: string) {
    for (let tries = 0; tries < 200; tries += 1) {
      if ((await ask('GET', `/sessions/${id}`)).status === status) return
      await new Promise(resolve => setTimeout(resolve, 50))
    }
    throw new Error(`the session did not become ${status}`)
  }

  const session = await ask('POST', '/sessions', { name: 'demo' })
  await ask('POST', `/sessions/${session.id}/start`)
  await sessionIs(session.id, 'qr_ready')
  await owner.scan((await ask('GET', `/sessions/${session.id}/qr`)).qr)
  await sessionIs(session.id, 'ready')
  say('Wharf', `linked the phone of ${owner.pn} by its QR code`)

  const { bytes, fileName } = await packPlugin(PLUGIN)
  const form = new FormData()
  form.append('file', new Blob([Uint8Array.from(bytes)]), fileName)
  const plugin = await ask('POST', '/plugins/install', form)
  const enabled = await ask('POST', `/plugins/${plugin.id}/enable`)
  say('Wharf', `${enabled.message}, in the ${plugin.tier} tier`)
  for (const promise of plugin.missingPromises) say('Wharf', `note: ${promise}`)

  const name = customer.name
  say(name, 'help')
  await customer.write('help', { to: owner })
  say('The shop', `${(await customer.next()).text}   (the plugin)`)

  if (process.stdin.isTTY || process.argv.includes('--talk')) {
    console.log(
      `\nNow you are ${name}: type a message and press Enter; try one with the word "help". Ctrl+C ends.\n`,
    )
    const lines = createInterface({
      input: process.stdin,
      output: process.stdout,
      prompt: `${name.padStart(14)} │ `,
    })
    let talking = true
    lines.once('close', () => {
      talking = false
    })
    void (async () => {
      while (talking) {
        const answer = await customer.next(() => true, 24 * 60 * 60_000)
        say('\r      The shop', answer.text)
        lines.prompt()
      }
    })().catch(error => {
      if (talking) throw error
    })
    lines.prompt()
    for await (const line of lines) {
      if (line.trim() !== '') await customer.write(line, { to: owner })
      lines.prompt()
    }
  }
}

await demo()
// Baileys leaves timers behind that would hold the process for half a minute.
process.exit(0)
