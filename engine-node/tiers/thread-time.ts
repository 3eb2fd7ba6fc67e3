// Processor time of one thread of this process, as the kernel counts it: the thread is not asked, so it cannot be too busy to
// answer, as one is that does nothing but collect garbage.
import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs'
import { processorTime } from './proc-usage.ts'

const TASKS = '/proc/self/task'

export interface ThreadTime {
  /** Null once the thread has ended. */
  cpuMs(): number | null
  close(): void
}

/** By the name of the thread, which has to be the only one of that name and at most 15 bytes. Null where it is not seen. */
export function openThreadTime(name: string): ThreadTime | null {
  const id = taskIds().find(task => nameOf(task) === name)
  if (id === undefined) return null
  try {
    const file = openSync(`${TASKS}/${id}/stat`, 'r')
    const buffer = Buffer.alloc(1_024)
    return {
      cpuMs() {
        try {
          return processorTime(buffer.toString('latin1', 0, readSync(file, buffer, 0, buffer.length, 0)))
        } catch {
          // ESRCH: it has ended.
          return null
        }
      },
      close: () => closeSync(file),
    }
  } catch {
    // It ended between the two looks.
    return null
  }
}

function taskIds(): string[] {
  try {
    return readdirSync(TASKS)
  } catch {
    // Only Linux has them.
    return []
  }
}

function nameOf(task: string): string | null {
  try {
    return readFileSync(`${TASKS}/${task}/comm`, 'latin1').trimEnd()
  } catch {
    // It has ended.
    return null
  }
}
