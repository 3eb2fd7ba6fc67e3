// A mirror as the guest of a process tier, in the place of the runtime.
import { Socket } from 'node:net'
import { mirrorStream } from './mirror.ts'

mirrorStream(new Socket({ fd: 3, readable: true, writable: true }), () => process.exit(3))
