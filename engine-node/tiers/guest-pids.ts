// The processes behind one guest: Node itself, or bubblewrap, the init of its namespace, and Node below that.
import type { ChildProcess } from 'node:child_process'
import { childOf, openProcUsage, type ProcUsage } from './proc-usage.ts'

export interface GuestPids {
  /** What the guest's Node uses; null before it runs and after it has ended. */
  usage(): ProcUsage | null
  /** SIGKILL to the whole of it. Does nothing once it has ended. */
  kill(): void
  close(): void
}

export function createGuestPids(child: ChildProcess, wrapped: boolean): GuestPids {
  let usage: ProcUsage | null = null
  let closed = false

  function nodePid(): number | null {
    if (child.pid === undefined || !wrapped) return child.pid ?? null
    const init = childOf(child.pid)
    return init === null ? null : childOf(init)
  }

  return {
    usage() {
      if (usage !== null || closed) return usage
      const pid = nodePid()
      if (pid !== null) usage = openProcUsage(pid)
      return usage
    },
    kill() {
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
      // The init of the namespace first: the kernel ends all in it before bubblewrap hears of it, so that its exit means
      // that nothing is left. Where there is none yet, bubblewrap itself.
      const init = wrapped ? childOf(child.pid) : null
      if (init === null || !killed(init)) child.kill('SIGKILL')
    },
    close() {
      closed = true
      usage?.close()
      usage = null
    },
  }
}

function killed(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL')
  } catch {
    // It ended between the look and the signal.
    return false
  }
}
