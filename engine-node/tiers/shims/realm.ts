// The global object of an isolate: takes away what escapes the memory limit, and puts in what plugins know from Node.
import { createAsk } from './ask.ts'
import { assert } from './assert.ts'
import { GuestBuffer, kMaxLength } from './buffer.ts'
import { createConsole } from './console.ts'
import { createCrypto } from './crypto.ts'
import { createEsModules } from './es-modules.ts'
import * as eventTarget from './event-target.ts'
import { events } from './events.ts'
import { createGuestProcess } from './guest-process.ts'
import { createModuleLoader } from './module-loader.ts'
import type { IsolateModule, LibraryModule } from './module-table.ts'
import { path } from './path.ts'
import { querystring } from './querystring.ts'
import { StringDecoder } from './string-decoder.ts'
import { structuredClone } from './structured-clone.ts'
import { GuestCryptoKey } from './subtle.ts'
import { codecs, utf8Length } from './text-bytes.ts'
import { GuestTextDecoder, GuestTextEncoder } from './text-coding.ts'
import { createTimers, timerPromises } from './timers.ts'
import { createUrl } from './url.ts'
import { util } from './util.ts'

/** Memory in these counts against no limit of the isolate (attack 42), and a shared buffer could be waited on for ever. */
const REMOVED = ['WebAssembly', 'SharedArrayBuffer', 'Atomics']

export interface RealmDeps {
  call(power: string, args: string): string
  files: Readonly<Record<string, string>>
}

export function createRealm({ call, files }: RealmDeps) {
  const ask = createAsk(call)
  const { now } = Date
  const print = (line: string): void => void ask('print', line)

  function uncaught(thrown: unknown): void {
    print(`Uncaught ${util.inspect(thrown)}`)
    ask('exit', 1)
  }

  const timers = createTimers({ now, wake: ms => void ask('wake', ms), uncaught })
  const guestProcess = createGuestProcess({
    now,
    timers,
    print,
    exit(code) {
      ask('exit', code)
      // The host ends the isolate at its next step; nothing after the call may run.
      for (;;);
    },
  })
  const url = createUrl(ask)
  const crypto = createCrypto(ask)
  const buffer = {
    Buffer: GuestBuffer,
    kMaxLength,
    constants: { MAX_LENGTH: kMaxLength, MAX_STRING_LENGTH: 2 ** 29 - 24 },
    atob: (text: unknown) => codecs.latin1.text(Uint8Array.fromBase64(String(text))),
    btoa(text: unknown) {
      if (/[^\u0000-\u00ff]/.test(String(text)))
        throw new eventTarget.GuestDOMException('Invalid character', 'InvalidCharacterError')
      return codecs.latin1.bytes(String(text)).toBase64()
    },
  }
  const modules: Record<Exclude<IsolateModule, LibraryModule | 'stream/promises'>, unknown> = {
    assert,
    'assert/strict': assert.strict,
    buffer,
    crypto,
    events,
    path,
    'path/posix': path,
    process: guestProcess,
    querystring,
    string_decoder: { StringDecoder },
    timers: timers.globals,
    'timers/promises': timerPromises,
    url,
    util,
  }
  const { require, resolve } = createModuleLoader({
    files,
    builtins: new Map(Object.entries(modules)),
    library: name => String(ask('library', name)),
  })

  const esModules = createEsModules({ files, ask, require, resolve })

  for (const name of REMOVED) Reflect.deleteProperty(globalThis, name)
  const startedAt = now()
  const globals = {
    ...timers.globals,
    structuredClone,
    global: globalThis,
    Buffer: GuestBuffer,
    URL: url.URL,
    URLSearchParams: url.URLSearchParams,
    TextEncoder: GuestTextEncoder,
    TextDecoder: GuestTextDecoder,
    Event: eventTarget.GuestEvent,
    CustomEvent: eventTarget.GuestCustomEvent,
    EventTarget: eventTarget.GuestEventTarget,
    AbortController: eventTarget.GuestAbortController,
    AbortSignal: eventTarget.GuestAbortSignal,
    DOMException: eventTarget.GuestDOMException,
    atob: buffer.atob,
    btoa: buffer.btoa,
    crypto: crypto.webcrypto,
    CryptoKey: GuestCryptoKey,
    console: createConsole(print, now),
    performance: { now: () => now() - startedAt, timeOrigin: startedAt },
    process: guestProcess,
  }
  for (const [name, value] of Object.entries(globals))
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true })
  for (const [name, value] of Object.entries(globals))
    if (typeof value === 'function' && name === value.name.replace(/^_?Guest/, ''))
      Object.defineProperty(value, 'name', { value: name, configurable: true })

  return { require, esModules, timers, utf8Length }
}
