// The emulator as a process of its own, for benches. Prints one line {url, rootKey}, then answers commands: a JSON
// line {"do": "write", "id": 1, …} on stdin gives {"id": 1, "result": …} or {"id": 1, "error": …} on stdout. It ends
// when stdin does.
import { createInterface } from 'node:readline'
import * as v from 'valibot'
import { silenceSignalConsole } from '../../engine-node/sessions/signal-console.ts'
import { endingNames } from './faults.ts'
import { createWhatsApp, type WhatsApp } from './whatsapp.ts'

const Addressing = v.optional(v.picklist(['pn', 'lid']), 'pn')
const Named = { pn: v.string(), name: v.optional(v.string()) }
const Envelope = v.looseObject({ do: v.string(), id: v.optional(v.union([v.string(), v.number()])) })

/** Ties arguments to what is done with them, so that no command can forget to check. */
function command<S extends v.ObjectEntries>(
  entries: S,
  run: (args: v.InferOutput<v.StrictObjectSchema<S, undefined>>) => unknown,
) {
  const schema = v.strictObject(entries)
  return (args: unknown) => run(v.parse(schema, args))
}

const named = (name: string | undefined) => (name === undefined ? {} : { name })

/** What can be asked of the process. */
function createCommands(whatsapp: WhatsApp): Record<string, (args: unknown) => unknown> {
  return {
    scan: command({ ...Named, qr: v.string() }, ({ pn, name, qr }) =>
      whatsapp.phone(pn, named(name)).scan(qr),
    ),
    contact: command(
      { ...Named, receipts: v.optional(v.picklist(['none', 'delivery', 'read']), 'delivery') },
      ({ pn, name, receipts }) => {
        const contact = whatsapp.contact(pn, named(name))
        contact.receipts = receipts
        return { pnJid: contact.pnJid, lidJid: contact.lidJid }
      },
    ),
    /** `count` texts, from each contact in turn. */
    write: command(
      {
        from: v.array(v.string()),
        to: v.string(),
        text: v.string(),
        count: v.optional(v.number(), 1),
        addressing: Addressing,
      },
      async ({ from, to, text, count, addressing }) => {
        const ids: string[] = []
        for (let index = 0; index < count; index++) {
          const contact = whatsapp.contact(from[index % from.length] ?? '')
          const numbered = count === 1 ? text : `${text} ${index}`
          ids.push((await contact.write(numbered, { to: whatsapp.phone(to), addressing })).id)
        }
        return ids
      },
    ),
    /** What is written from now on is made ready and kept; when it is false, all of it goes out at once. */
    hold: command({ pn: v.string(), holding: v.boolean() }, ({ pn, holding }) =>
      whatsapp.phone(pn).holdsBack(holding),
    ),
    inbox: command({ pn: v.string() }, ({ pn }) =>
      whatsapp.contact(pn).inbox.map(({ id, text, from }) => ({ id, text, from })),
    ),
    ids: command(
      {
        direction: v.picklist(['in', 'out']),
        kind: v.picklist(['message', 'peer', 'ack', 'nack', 'receipt', 'retry']),
      },
      filter => whatsapp.log.ids(filter),
    ),
    disconnect: command({ pn: v.string(), kind: v.picklist(endingNames) }, ({ pn, kind }) =>
      whatsapp.phone(pn).disconnect(kind),
    ),
    nackNext: command({ code: v.number() }, ({ code }) => whatsapp.nackNext(code)),
    loseAckNext: command({}, () => whatsapp.loseAckNext()),
    loginFailure: command({ reason: v.optional(v.number()) }, ({ reason }) => whatsapp.loginFailure(reason)),
    refuse: command({ refusing: v.boolean() }, ({ refusing }) => whatsapp.refuse(refusing)),
    surprises: command({}, () => whatsapp.surprises),
  }
}

async function serve(): Promise<void> {
  silenceSignalConsole()
  await using whatsapp = await createWhatsApp()
  const commands = createCommands(whatsapp)
  const say = (line: object) => console.log(JSON.stringify(line))

  async function obey(line: string): Promise<void> {
    const { do: name, id, ...args } = v.parse(Envelope, JSON.parse(line))
    try {
      const run = commands[name]
      if (!run) throw new Error(`unknown command ${name}; known: ${Object.keys(commands).join(', ')}`)
      say({ id, result: (await run(args)) ?? null })
    } catch (error) {
      say({ id, error: error instanceof Error ? error.message : String(error) })
    }
  }

  say({ url: whatsapp.url, rootKey: whatsapp.rootKey.toString('hex') })
  // Answered as they finish: a scan waits for the client, and commands after it should not.
  for await (const line of createInterface({ input: process.stdin })) void obey(line)
}

if (import.meta.main) await serve()
