// Entry of a process of isolates: opens and ends them as the gateway says, and carries frames between their pipes and them.
import { readFileSync } from 'node:fs'
import { Socket } from 'node:net'
import type IsolatedVm from 'isolated-vm'
import { GatewayError } from '../../../src/contract/errors.ts'
import { createClock } from '../../clock.ts'
import { decodeTrustedFrame } from '../../rpc/frame-codec.ts'
import { parsed } from '../../rpc/method.ts'
import { createPeer } from '../../rpc/peer.ts'
import { createStreamChannel } from '../../rpc/stream-channel.ts'
import { createLinePrinter } from '../line-printer.ts'
import { CONTROL_FD, FIRST_SLOT_FD, OneIsolate, OpenIsolate } from './control.ts'
import { createGuestIsolate, type GuestIsolate } from './guest-isolate.ts'
import { carryFrames } from './slot-pipe.ts'

/** Written in by the bundler (isolate-bundle.ts). */
declare const ISOLATE_LIBRARIES: Readonly<Record<string, string>>

const [, , addonFile = '', runtimeFile = ''] = process.argv
const addon: { exports: { ivm?: typeof IsolatedVm } } = { exports: {} }
process.dlopen(addon, addonFile)
const { ivm } = addon.exports
if (ivm === undefined) throw new TypeError('This is not isolated-vm')
const runtime = readFileSync(runtimeFile, 'utf8')
const libraries = new Map(Object.entries(ISOLATE_LIBRARIES))
const clock = createClock()
const isolates = new Map<number, { isolate: GuestIsolate; pipe: Socket }>()

const socket = (fd: number) => new Socket({ fd, readable: true, writable: true })

function end(slot: number): void {
  const entry = isolates.get(slot)
  isolates.delete(slot)
  entry?.isolate.dispose()
  entry?.pipe.end()
}

const channel = createStreamChannel({
  stream: socket(CONTROL_FD),
  decode: decodeTrustedFrame,
  ended: () => new GatewayError('channel_closed', 'The gateway closed the channel'),
})
const peer = createPeer({
  channel,
  remote: 'host',
  clock,
  events: new Map(),
  methods: new Map([
    [
      'open',
      parsed(OpenIsolate, async ({ slot, memoryMb, turnMs, files }) => {
        const pipe = socket(FIRST_SLOT_FD + slot)
        const frames = carryFrames(pipe)
        const ended = (how: string) => {
          if (!isolates.has(slot)) return
          peer.notify('ended', { slot, how })
          end(slot)
        }
        const isolate = await createGuestIsolate({
          ivm,
          runtime,
          memoryMb,
          turnMs,
          files,
          libraries,
          clock,
          send: frames.send,
          print: createLinePrinter(clock.now, line => peer.notify('print', { slot, line })),
          ended,
        })
        isolates.set(slot, { isolate, pipe })
        frames.deliverTo(isolate.deliver)
        // The gateway closed it, or the isolate has sent more than is taken from it.
        pipe.on('close', () => ended('its pipe was closed'))
        return null
      }),
    ],
    ['usage', parsed(OneIsolate, ({ slot }) => isolates.get(slot)?.isolate.usage() ?? null)],
    [
      'dispose',
      parsed(OneIsolate, ({ slot }) => {
        end(slot)
        return null
      }),
    ],
  ]),
})
void channel.closed.then(() => process.exit(0))
