// One request whose answer is held in memory: its head, and its body as it came. For small answers this takes a third of what
// a stream takes.
import type { Client, Dispatcher } from 'undici'
import type { Ending } from './ending.ts'

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

interface Limits {
  maxBytes: number
  tooLarge(): Error
  ending: Ending
  isWanted(status: number): boolean
}

/**
 * Rejects with BrokenOff once there is a head, with what undici or the ending says before. `tooLarge` is the failure beyond
 * `maxBytes`; `isWanted` is asked with the head.
 */
export function gather(
  client: Client,
  options: Dispatcher.DispatchOptions,
  limits: Limits,
): Promise<Gathered> {
  return new Promise((resolve, reject) => {
    client.dispatch(options, new Gathering(limits, resolve, reject))
  })
}

/** What undici tells of one request. A class, as it is made for each. */
class Gathering implements Dispatcher.DispatchHandler {
  readonly #limits: Limits
  readonly #resolve: (gathered: Gathered) => void
  readonly #reject: (error: Error) => void
  readonly #abort = () => this.#callOff()
  #chunks: Buffer | Buffer[] | null = null
  #length = 0
  #head: Omit<Gathered, 'body'> | null = null
  #controller: Dispatcher.DispatchController | null = null

  constructor(limits: Limits, resolve: (gathered: Gathered) => void, reject: (error: Error) => void) {
    this.#limits = limits
    this.#resolve = resolve
    this.#reject = reject
    limits.ending.onEnd(this.#abort)
  }

  #callOff() {
    const { reason } = this.#limits.ending
    this.#end(reason instanceof Error ? reason : new Error('called off'))
  }

  #end(error: Error) {
    this.#limits.ending.forget(this.#abort)
    this.#reject(this.#head === null ? error : new BrokenOff(this.#head.statusCode, error))
    this.#controller?.abort(error)
  }

  onRequestStart(controller: Dispatcher.DispatchController) {
    this.#controller = controller
    if (this.#limits.ending.isOver) this.#callOff()
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    statusCode: number,
    headers: Gathered['headers'],
    statusText = '',
  ) {
    // Informational: the answer is still to come.
    if (statusCode < 200) return
    this.#head = { statusCode, statusText, headers }
    if (this.#limits.isWanted(statusCode)) return
    this.#limits.ending.forget(this.#abort)
    this.#resolve({ ...this.#head, body: null })
    controller.abort(new Error('the answer is not wanted'))
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer) {
    this.#length += chunk.length
    if (this.#length > this.#limits.maxBytes) this.#end(this.#limits.tooLarge())
    else if (this.#chunks === null) this.#chunks = chunk
    else if (Array.isArray(this.#chunks)) this.#chunks.push(chunk)
    else this.#chunks = [this.#chunks, chunk]
  }

  onResponseEnd() {
    this.#limits.ending.forget(this.#abort)
    if (this.#head === null) return
    const chunks = this.#chunks ?? EMPTY
    const { statusCode, statusText, headers } = this.#head
    this.#resolve({
      statusCode,
      statusText,
      headers,
      body: Array.isArray(chunks) ? Buffer.concat(chunks) : chunks,
    })
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error) {
    this.#end(error)
  }
}

const EMPTY = Buffer.alloc(0)
