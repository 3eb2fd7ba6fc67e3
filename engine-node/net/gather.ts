// One request whose answer is held in memory: its head, and its body as it came. For small answers this takes a third of what
// a stream takes.
import type { Client, Dispatcher } from 'undici'

export interface Gathered {
  statusCode: number
  statusText: string
  headers: Dispatcher.ResponseData['headers']
  /** Null for an answer whose body was not wanted: its connection has been ended then. */
  body: Buffer | null
}

/** An answer that broke off, was called off or grew too large after its head had come. */
export class BrokenOff extends Error {
  readonly statusCode: number
  constructor(statusCode: number, cause: unknown) {
    super('the answer broke off', { cause })
    this.statusCode = statusCode
  }
}

/**
 * Rejects with BrokenOff once there is a head, with what undici or the signal says before. `tooLarge` is the failure beyond
 * `maxBytes`; `isWanted` is asked with the head.
 */
export function gather(
  client: Client,
  options: Dispatcher.DispatchOptions,
  limits: { maxBytes: number; tooLarge(): Error; signal: AbortSignal; isWanted(status: number): boolean },
): Promise<Gathered> {
  const { maxBytes, signal, isWanted } = limits
  const { promise, resolve, reject } = Promise.withResolvers<Gathered>()
  const chunks: Buffer[] = []
  let length = 0
  let head: Omit<Gathered, 'body'> | null = null
  let controller: Dispatcher.DispatchController | null = null
  const end = (error: Error) => {
    signal.removeEventListener('abort', abort)
    reject(head === null ? error : new BrokenOff(head.statusCode, error))
    controller?.abort(error)
  }
  const abort = () => end(signal.reason instanceof Error ? signal.reason : new Error('called off'))
  signal.addEventListener('abort', abort)
  client.dispatch(options, {
    onRequestStart(given) {
      controller = given
      if (signal.aborted) abort()
    },
    onResponseStart(given, statusCode, headers, statusText = '') {
      // Informational: the answer is still to come.
      if (statusCode < 200) return
      head = { statusCode, statusText, headers }
      if (isWanted(statusCode)) return
      signal.removeEventListener('abort', abort)
      resolve({ ...head, body: null })
      given.abort(new Error('the answer is not wanted'))
    },
    onResponseData(_given, chunk) {
      length += chunk.length
      if (length > maxBytes) end(limits.tooLarge())
      else chunks.push(chunk)
    },
    onResponseEnd() {
      signal.removeEventListener('abort', abort)
      if (head !== null)
        resolve({ ...head, body: chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks) })
    },
    onResponseError(_given, error) {
      end(error)
    },
  })
  return promise
}
