// A mirror as the guest of a process or a worker, in the place of the runtime.
import { Socket } from 'node:net'
import { parentPort } from 'node:worker_threads'
import { createPortStream } from '../../engine-node/rpc/port-stream.ts'
import { mirrorStream } from './mirror.ts'

const stream =
  parentPort === null ? new Socket({ fd: 3, readable: true, writable: true }) : createPortStream(parentPort)
mirrorStream(stream, () => process.exit(3))
