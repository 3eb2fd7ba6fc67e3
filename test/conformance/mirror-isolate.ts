// A mirror as the guest of an isolate, in the place of the runtime.
import { TEXT_SEPARATOR } from '../../engine-node/rpc/text-channel.ts'
import type { IsolateBridge, IsolateEntry } from '../../engine-node/tiers/shims/start.ts'
import { createMirror } from './mirror.ts'

export function start({ send, call }: IsolateBridge): IsolateEntry {
  const mirror = createMirror({
    sendText: send,
    sendBytes: () => {},
    die() {
      call('exit', '[3]')
      for (;;);
    },
  })
  return {
    deliver: texts => texts.split(TEXT_SEPARATOR).forEach(mirror),
    woken: () => {},
    rejected: () => {},
    link: () => '',
    importFailed: () => {},
  }
}
