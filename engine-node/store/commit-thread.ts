// The thread that commits: a sync of the disk blocks it, and nobody else.
import { parentPort, workerData } from 'node:worker_threads'
import * as v from 'valibot'
import { type CommitFailure, type CommitReply, type CommitRequest, createUnpacker } from './commit-port.ts'
import { openConnection } from './connection.ts'

const { path } = v.parse(v.object({ path: v.string() }), workerData)
const connection = openConnection(path)
const unpack = createUnpacker()

parentPort?.on('message', (request: CommitRequest | null) => {
  if (request === null) {
    connection[Symbol.dispose]()
    parentPort?.close()
    return
  }
  parentPort?.postMessage(answerTo(request))
})

function answerTo(request: CommitRequest): CommitReply {
  try {
    return { changes: connection.transact(unpack(request)) }
  } catch (error) {
    if (!(error instanceof Error)) throw error
    const { message, code, statementIndex }: CommitFailure = error
    return { error: { message, code, statementIndex } }
  }
}
