// Entry of a guest that is a process or a worker thread: everything it has is descriptor 3, or its parent's port. It is
// bundled into one file (tiers/guest-bundle.ts).
import { Socket } from 'node:net'
import { parentPort } from 'node:worker_threads'
import { GatewayError } from '../../src/contract/errors.ts'
import { createClock } from '../clock.ts'
import { decodeTrustedFrame } from '../rpc/frame-codec.ts'
import { createPortStream } from '../rpc/port-stream.ts'
import { createStreamChannel } from '../rpc/stream-channel.ts'
import type { ContractFacts } from './contract-facts.ts'
import { loadPlugin } from './load-plugin.ts'
import { createRuntime } from './runtime.ts'
import { createScopeStorage } from './scope.ts'

/** Written in by the bundler. */
declare const CONTRACT_FACTS: ContractFacts

/** The descriptor that the host of a process opened for frames. */
const FRAMES = 3

const channel = createStreamChannel({
  stream:
    parentPort === null
      ? new Socket({ fd: FRAMES, readable: true, writable: true })
      : createPortStream(parentPort),
  decode: decodeTrustedFrame,
  ended: () => new GatewayError('channel_closed', 'The host closed the channel'),
})
const { logger } = createRuntime({
  channel,
  clock: createClock(),
  scopes: createScopeStorage(),
  load: loadPlugin,
  facts: CONTRACT_FACTS,
})
// bubblewrap sets it; a plugin has the environment that the host chose, and nothing else.
delete process.env.PWD

const exit = process.exit.bind(process)
void channel.closed.then(() => exit(0))

// Detached work that fails is common in plugins and harmless to others; Node would end the process for it.
process.on('unhandledRejection', reason => logger.error('A promise was rejected and nobody listened', reason))
// The host stops reading output above a bound; a plugin that prints on must not die of it.
process.stdout.on('error', () => {})
process.stderr.on('error', () => {})
