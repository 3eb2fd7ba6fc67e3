// A part of a bench in a process of its own, so that what is measured shares its event loop with nothing else. The parent asks,
// the child answers; a child ends with its parent.
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import * as v from 'valibot'

const Question = v.strictObject({ id: v.number(), command: v.string(), args: v.unknown() })
const Answer = v.strictObject({
  id: v.number(),
  result: v.optional(v.unknown()),
  error: v.optional(v.string()),
})

export type Commands = Readonly<Record<string, (args: never) => unknown>>

/** A child as its parent has it: each command with its arguments and its answer. */
export interface BenchChild<C extends Commands> extends AsyncDisposable {
  ask<N extends keyof C & string>(command: N, ...args: Parameters<C[N]>): Promise<Awaited<ReturnType<C[N]>>>
}

/** Runs a file of this folder as a child. `options` is what it gets from `childOptions`. */
export function startChild<C extends Commands>(file: string, options: object = {}): BenchChild<C> {
  const child: ChildProcess = fork(fileURLToPath(new URL(file, import.meta.url)), [JSON.stringify(options)], {
    // As this process was started: with what the launcher gives the gateway too.
    execArgv: [...process.execArgv, '--expose-gc', '--disable-warning=ExperimentalWarning'],
  })
  const waiting = new Map<number, PromiseWithResolvers<unknown>>()
  const ended = Promise.withResolvers<void>()
  let asked = 0
  child.on('message', said => {
    const { id, result, error } = v.parse(Answer, said)
    const asking = waiting.get(id)
    waiting.delete(id)
    if (error === undefined) asking?.resolve(result)
    else asking?.reject(new Error(`${file}: ${error}`))
  })
  child.once('exit', (code, signal) => {
    for (const { reject } of waiting.values()) reject(new Error(`${file} ended with ${signal ?? code}`))
    ended.resolve()
  })
  return {
    ask(command, ...[args]) {
      const asking = Promise.withResolvers<unknown>()
      asked += 1
      waiting.set(asked, asking)
      child.send({ id: asked, command, args })
      // Structured data of our own file, of the type that its command has.
      return asking.promise as never
    },
    async [Symbol.asyncDispose]() {
      if (child.connected) child.disconnect()
      await ended.promise
    },
  }
}

/** In the child: what `startChild` was given. */
export const childOptions = (): unknown => JSON.parse(process.argv[2] ?? '{}')

/** In the child: obeys until the parent lets go, then calls `close` and ends. */
export function answerParent(commands: Commands, close: () => Promise<void>): void {
  process.on('message', async said => {
    const { id, command, args } = v.parse(Question, { args: undefined, ...(said as object) })
    try {
      const result = await commands[command]?.(args as never)
      process.send?.({ id, result: result ?? null })
    } catch (error) {
      process.send?.({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    }
  })
  process.once('disconnect', () => close().finally(() => process.exit()))
}
