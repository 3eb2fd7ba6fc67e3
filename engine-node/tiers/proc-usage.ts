// What one process uses, read from /proc by descriptors that stay open: they mean this process even when its id is reused.
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'

/** Ticks of processor time per second as /proc counts them: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100

export interface ProcUsage {
  /** Memory that only this process has: anonymous and shared pages, and what was swapped out. Null once it is gone. */
  memoryBytes(): number | null
  cpuMs(): number | null
  close(): void
}

/** Null where there is no such process, or no /proc. */
export function openProcUsage(pid: number): ProcUsage | null {
  const files: number[] = []
  try {
    const status = openSync(`/proc/${pid}/status`, 'r')
    files.push(status)
    const stat = openSync(`/proc/${pid}/stat`, 'r')
    files.push(stat)
    const buffer = Buffer.alloc(4_096)
    const read = (file: number): string | null => {
      try {
        return buffer.toString('latin1', 0, readSync(file, buffer, 0, buffer.length, 0))
      } catch {
        // ESRCH: the process has ended.
        return null
      }
    }
    return {
      memoryBytes() {
        const text = read(status)
        return text === null ? null : privateMemory(text)
      },
      cpuMs() {
        const text = read(stat)
        return text === null ? null : processorTime(text)
      },
      close: () => files.forEach(closeSync),
    }
  } catch {
    files.forEach(closeSync)
    return null
  }
}

/** From /proc/PID/status. A process that has ended but was not waited for has no such lines. */
export function privateMemory(status: string): number | null {
  const kb = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0)
  const used = kb('RssAnon') + kb('RssShmem') + kb('VmSwap')
  return used === 0 ? null : used * 1_024
}

/** From /proc/PID/stat: user and system time. The name before them may hold spaces and brackets. */
export function processorTime(stat: string): number | null {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = Number(fields[11]) + Number(fields[12])
  return Number.isFinite(ticks) ? (ticks * 1_000) / TICKS_PER_SECOND : null
}

/** The only child of a process, or null while there is none. bubblewrap's chain of processes is followed with it. */
export function childOf(pid: number): number | null {
  try {
    const [first] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ')
    return first ? Number(first) : null
  } catch {
    // It has ended, or the kernel does not tell.
    return null
  }
}
