// One isolate with one plugin in it. The plugin's code is handed two functions and holds nothing else of this process.
import type IsolatedVm from 'isolated-vm'
import type { Clock } from '../../clock.ts'
import type { IsolateEntry } from '../shims/start.ts'
import { loadModule } from './es-modules.ts'
import { answer, createPowers } from './powers.ts'

/** One of the functions that the runtime gave. */
type Entry = IsolatedVm.Reference<(...args: string[]) => void>

/** The runtime itself: it is given two callbacks, which become plain functions of the isolate, and the files. */
type Start = IsolatedVm.Reference<(...given: unknown[]) => IsolateEntry>

/** Longest wait for the size of a heap: it cannot be read while the isolate runs, and then the last one is given. */
const HEAP_WAIT_MS = 20

/** Where the runtime's own code ends and this process begins in the text of a stack. */
const BOUNDARY = '<isolated-vm boundary>'

export interface GuestIsolateDeps {
  ivm: typeof IsolatedVm
  /** What `bundleIsolate` made: a function of the bridge and the files. */
  runtime: string
  memoryMb: number
  /** Longest that the isolate may run without a pause. */
  turnMs: number
  files: Readonly<Record<string, string>>
  libraries: ReadonlyMap<string, string>
  clock: Clock
  /** Frames of the guest, as it made them. */
  send(texts: string): void
  print(line: string): void
  /** Called once, with the reason in words, when it has ended by itself. */
  ended(how: string): void
}

export interface GuestIsolate {
  deliver(texts: string): Promise<void>
  usage(): Promise<{ memoryBytes: number; cpuMs: number } | null>
  /** Ends it for certain, also out of an endless loop. */
  dispose(): void
}

export async function createGuestIsolate(deps: GuestIsolateDeps): Promise<GuestIsolate> {
  const { ivm, clock } = deps
  const isolate = new ivm.Isolate({
    memoryLimit: deps.memoryMb,
    // V8 has lost control over its heap: nothing in this process can be trusted any more.
    onCatastrophicError: () => process.abort(),
  })
  let isOver = false
  let stopTimer = () => {}

  function dispose(): void {
    isOver = true
    stopTimer()
    if (!isolate.isDisposed) isolate.dispose()
  }

  function end(how: string): void {
    if (isOver) return
    dispose()
    deps.ended(how)
  }

  const powers = createPowers({
    libraries: deps.libraries,
    print: line => isOver || deps.print(line),
    wake(ms) {
      stopTimer()
      stopTimer = isOver ? () => {} : clock.after(ms, () => void turn(woken, []))
    },
    // Not at once: the isolate waits for the answer to this very call.
    importModule: name => void setImmediate(load, name),
    exit: code => void setImmediate(end, `exited with code ${Math.trunc(code) & 0xff}`),
  })

  let isLoading = false

  /** One at a time: what is loaded is the plugin's main module, once. */
  async function load(name: string): Promise<void> {
    if (isOver || isLoading) return
    isLoading = true
    const options = { timeout: deps.turnMs, result: { copy: true } } as const
    const ask = async (specifier: string, from: string): Promise<unknown> =>
      await link.apply(undefined, [specifier, from], options)
    await attempt(() => loadModule({ isolate, context, link: ask, turnMs: deps.turnMs }, name), importFailed)
    isLoading = false
  }

  /** Runs one of the entry's functions, with everything that follows from it, on a thread of its own. */
  async function turn(entry: Entry, args: string[]): Promise<void> {
    // What is thrown by functions has been caught inside; what is left is a promise that nobody listened to.
    await attempt(
      () => entry.apply(undefined, args, { timeout: deps.turnMs }),
      entry === rejected ? null : rejected,
    )
  }

  /** Ends the isolate where that ended badly, and tells it of anything else that was thrown. */
  async function attempt(run: () => Promise<unknown>, told: Entry | null): Promise<void> {
    if (isOver) return
    try {
      await run()
    } catch (thrown) {
      if (isOver) return
      const { message, stack } = textsOf(thrown)
      // Nobody here has disposed of it, so that isolated-vm did, for its one reason.
      if (isolate.isDisposed) end(`used more than ${deps.memoryMb} MB of memory`)
      else if (/timed out/.test(message)) end(`ran for ${deps.turnMs / 1_000} s without a pause`)
      else if (told !== null) await turn(told, [told === importFailed ? message : stack])
    }
  }

  let memoryBytes = 0
  let reading: Promise<void> | null = null

  /** One reading at a time, however often it is asked for. */
  function readHeap(): Promise<void> {
    reading ??= isolate
      .getHeapStatistics()
      .then(
        heap => {
          memoryBytes = heap.total_physical_size + heap.externally_allocated_size
        },
        // Disposed meanwhile.
        () => {},
      )
      .finally(() => {
        reading = null
      })
    return reading
  }

  const context = await isolate.createContext()
  const script = await isolate.compileScript(deps.runtime, { filename: 'wharf:guest' })
  const start: Start = await script.run(context, { reference: true })
  script.release()
  const entry = await start.apply(
    undefined,
    [
      new ivm.Callback((texts: unknown) => void (isOver || deps.send(String(texts)))),
      new ivm.Callback((power: unknown, args: unknown) => answer(powers, power, args)),
      JSON.stringify(deps.files),
    ] as never,
    { result: { reference: true }, timeout: deps.turnMs },
  )
  const take = (name: keyof IsolateEntry): Promise<Entry> => entry.get(name, { reference: true })
  const [deliver, woken, rejected, importFailed, link] = await Promise.all([
    take('deliver'),
    take('woken'),
    take('rejected'),
    take('importFailed'),
    take('link'),
  ])

  return {
    deliver: texts => turn(deliver, [texts]),
    async usage() {
      await Promise.race([readHeap(), new Promise<void>(resolve => clock.after(HEAP_WAIT_MS, resolve))])
      if (isOver) return null
      // The time is there to be read at any moment, which is what ends loops.
      return { memoryBytes, cpuMs: Math.round(Number(isolate.cpuTime) / 1_000_000) }
    },
    dispose,
  }
}

function textsOf(thrown: unknown): { message: string; stack: string } {
  const message = thrown instanceof Error ? String(thrown.message) : String(thrown)
  if (!(thrown instanceof Error)) return { message, stack: message }
  const stack = String(thrown.stack)
  const boundary = stack.indexOf(BOUNDARY)
  return { message, stack: boundary === -1 ? stack : stack.slice(0, stack.lastIndexOf('\n', boundary)) }
}
