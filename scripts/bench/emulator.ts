// The emulated WhatsApp as a process of its own, for benches: told what to do line by line.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import * as v from 'valibot'

const Greeting = v.strictObject({ url: v.string(), rootKey: v.string() })
const Reply = v.object({ id: v.number(), result: v.optional(v.unknown()), error: v.optional(v.string()) })

export interface Emulator extends AsyncDisposable {
  readonly url: string
  /** Hex. */
  readonly rootKey: string
  /** A command of test/whatsapp/serve.ts. */
  ask(command: string, args: object): Promise<unknown>
}

/** People on WhatsApp, by number. */
export const contactNumbers = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => `1555111${String(index).padStart(4, '0')}`)

export async function startEmulator(): Promise<Emulator> {
  const file = fileURLToPath(new URL('../../test/whatsapp/serve.ts', import.meta.url))
  const child = spawn(
    process.execPath,
    [...process.execArgv, '--disable-warning=ExperimentalWarning', file],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  )
  const ended = once(child, 'exit')
  const greeting = Promise.withResolvers<v.InferOutput<typeof Greeting>>()
  void ended.then(([code]) => greeting.reject(new Error(`the emulator ended with ${code}`)))
  const waiting = new Map<number, PromiseWithResolvers<unknown>>()
  let asked = 0
  let isFirst = true
  createInterface({ input: child.stdout }).on('line', line => {
    const said: unknown = JSON.parse(line)
    if (isFirst) {
      isFirst = false
      return greeting.resolve(v.parse(Greeting, said))
    }
    const { id, result, error } = v.parse(Reply, said)
    if (error === undefined) waiting.get(id)?.resolve(result)
    else waiting.get(id)?.reject(new Error(`the emulator: ${error}`))
    waiting.delete(id)
  })
  return {
    ...(await greeting.promise),
    ask(command, args) {
      asked += 1
      const asking = Promise.withResolvers<unknown>()
      waiting.set(asked, asking)
      child.stdin.write(`${JSON.stringify({ do: command, id: asked, ...args })}\n`)
      return asking.promise
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end()
      await ended
    },
  }
}
