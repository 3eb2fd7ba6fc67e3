// Ends a guest that uses more processor time in one call than it may. A wall clock alone would let a loop burn a core until
// somebody asks the plugin for something, and would punish a plugin for waiting.
import { GatewayError } from '../../src/contract/errors.ts'
import type { Clock } from '../clock.ts'

/** How often the processor time of a guest with an open call is read, and so how late a call may be seen for the first time. */
export const CPU_INTERVAL_MS = 40

/** And how often at most when its end is near: what the kernel counts has steps of this size. */
const CPU_STEP_MS = 10

/** How often a guest without an open call is looked at: it may loop in a timer of its own. */
export const IDLE_INTERVAL_MS = 2_000

/**
 * A reading takes a millisecond. A thread that cannot be read for so long does nothing but collect garbage, and would go on
 * with it, since nobody learns what it uses.
 */
export const UNREADABLE_MS = 5_000

/**
 * A guest that was busy for this much of that time is asked for a sign of life, by a call that counts like any other. Low, since
 * on a machine that is busy itself a loop gets little of a core (a quarter was seen, with seven others on two cores), and a
 * needless question costs nothing.
 */
const BUSY_SHARE = 0.1

export interface CpuWatchDeps {
  clock: Clock
  /** Processor time of the guest so far; null where it is not known. */
  cpuMs(): Promise<number | null>
  /** Of a call that asks for a sign of life. */
  idleLimitMs: number
  /** Any call that a guest answers at once. */
  ping(): Promise<unknown>
  /** Called once. */
  exceeded(reason: GatewayError): void
}

export interface CpuWatch extends Disposable {
  /** Watches while the call is open; one that was late counts on until the guest answers anything at all. */
  during<T>(call: { what: string; limitMs: number }, run: () => Promise<T>): Promise<T>
}

interface OpenCall {
  what: string
  limitMs: number
  /** Processor time when it was first looked at; null before. Short calls are never looked at, and cost nothing. */
  from: number | null
}

export function createCpuWatch({ clock, cpuMs, idleLimitMs, ping, exceeded }: CpuWatchDeps): CpuWatch {
  const open = new Set<OpenCall>()
  const late = new Set<OpenCall>()
  let isOver = false
  let lastIdle: { at: number; cpu: number } | null = null
  let cancel: () => void = () => {}
  let isBusyTick = false

  function end(): void {
    isOver = true
    cancel()
    open.clear()
    late.clear()
  }

  /** `leftMs`: what the call that is nearest to its limit may still use, which takes a loop as long. */
  function schedule(leftMs = CPU_INTERVAL_MS): void {
    if (isOver) return
    const isBusy = open.size + late.size > 0
    cancel()
    isBusyTick = isBusy
    const soon = Math.min(Math.max(leftMs, CPU_STEP_MS), CPU_INTERVAL_MS)
    cancel = clock.after(isBusy ? soon : IDLE_INTERVAL_MS, () => void tick())
  }

  async function tick(): Promise<void> {
    const unwatch = clock.after(UNREADABLE_MS, () => {
      if (isOver) return
      end()
      exceeded(new GatewayError('plugin_crashed', `was too busy to be looked at for ${UNREADABLE_MS} ms`))
    })
    // A guest that has just ended may not be able to tell any more.
    const cpu = await cpuMs().catch(() => null)
    unwatch()
    if (isOver) return
    let left = CPU_INTERVAL_MS
    if (cpu !== null) {
      for (const call of [...open, ...late]) {
        call.from ??= cpu
        left = Math.min(left, call.from + call.limitMs - cpu)
        if (cpu - call.from < call.limitMs) continue
        end()
        const why = `used more than ${call.limitMs} ms of processor time in one call (${call.what})`
        exceeded(new GatewayError('plugin_crashed', why))
        return
      }
      lookAtIdle(cpu)
    }
    schedule(left)
  }

  function lookAtIdle(cpu: number): void {
    const at = clock.elapsed()
    const since = lastIdle
    if (since !== null && at - since.at < IDLE_INTERVAL_MS) return
    lastIdle = { at, cpu }
    if (since === null || open.size + late.size > 0) return
    if (cpu - since.cpu < BUSY_SHARE * (at - since.at)) return
    void watch.during({ what: 'a sign of life', limitMs: idleLimitMs }, ping).catch(() => {})
  }

  const watch: CpuWatch = {
    async during({ what, limitMs }, run) {
      const call: OpenCall = { what, limitMs, from: null }
      open.add(call)
      if (!isBusyTick) schedule()
      try {
        const answer = await run()
        late.clear()
        return answer
      } catch (thrown) {
        // Nobody waits for the answer any more, but the guest may still be at it.
        if (thrown instanceof GatewayError && thrown.code === 'plugin_timeout') late.add(call)
        else late.clear()
        throw thrown
      } finally {
        open.delete(call)
      }
    },
    [Symbol.dispose]: end,
  }
  schedule()
  return watch
}
