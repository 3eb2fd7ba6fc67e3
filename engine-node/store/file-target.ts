// How the write queue's commits reach a database file: on a thread of their own, so that the engine goes on while the disk
// syncs; or at once, in this thread, for tools and tests that open a database for a moment.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { type CommitReply, createPacker } from './commit-port.ts'
import { openConnection } from './connection.ts'
import type { WriteTarget } from './write-queue.ts'

/** Once it is disposed of it takes no commit, whatever is still asked of it. */
export interface FileTarget extends WriteTarget, AsyncDisposable {}

const closed = () => new Error('the database is closed')

export function commitHere(path: string): FileTarget {
  let connection = openConnection(path)
  return {
    async batch(statements) {
      return connection.transact(statements)
    },
    async reconnect() {
      // Opened first: where that fails, the old one is better than none.
      const fresh = openConnection(path)
      connection[Symbol.dispose]()
      connection = fresh
    },
    async [Symbol.asyncDispose]() {
      connection[Symbol.dispose]()
    },
  }
}

interface Pending {
  resolve(changes: number[]): void
  reject(error: Error): void
}

/** Commits are answered in the order in which they were asked. A thread that dies takes with it what it was asked. */
export function commitInThread(path: string): FileTarget {
  let thread = start()
  let isClosed = false

  function start() {
    const pack = createPacker()
    const pending: Pending[] = []
    const worker = new Worker(new URL('./commit-thread.ts', import.meta.url), {
      workerData: { path },
      execArgv: ['--disable-warning=ExperimentalWarning'],
    })
    let isOver = false
    const over = (error: Error) => {
      isOver = true
      for (const { reject } of pending.splice(0)) reject(error)
    }
    worker.on('message', (reply: CommitReply) => {
      const { resolve, reject } = pending.shift() as Pending
      if ('changes' in reply) resolve(reply.changes)
      else reject(Object.assign(new Error(reply.error.message), reply.error))
    })
    worker.on('error', over)
    worker.on('exit', () => over(new Error('the thread that writes the database has ended')))
    return { worker, pack, pending, over, isOver: () => isOver }
  }

  async function stop() {
    if (thread.isOver()) return
    const exited = once(thread.worker, 'exit')
    thread.worker.postMessage(null)
    await exited
  }

  return {
    batch(statements) {
      if (isClosed) return Promise.reject(closed())
      if (thread.isOver()) thread = start()
      const { worker, pack, pending, over } = thread
      return new Promise((resolve, reject) => {
        try {
          worker.postMessage(pack(statements))
        } catch (error) {
          // The texts in it would be taken for told.
          void worker.terminate()
          over(new Error('the thread that writes the database was left'))
          throw error
        }
        pending.push({ resolve, reject })
      })
    },
    async reconnect() {
      await stop()
      if (isClosed) throw closed()
      thread = start()
    },
    async [Symbol.asyncDispose]() {
      isClosed = true
      await stop()
    },
  }
}
