// Bodies of all requests under way together: each is held whole until its answer is made, and some of the largest at once would
// be more memory than a small machine has (REST spec 0.2).
import { GatewayError } from '../contract/errors.ts'
import { limitKey } from './ip.ts'

/** What those who show no key may have of the whole, and one address of them: they crowd out neither those with one nor each other. */
const STRANGERS_SHARE = 1 / 4
const ONE_STRANGERS_SHARE = 1 / 8

export interface BodyLease {
  /** Counts more of the body, where the request has not said how long it is. Throws `overloaded` where there is no room. */
  grow(bytes: number): void
  release(): void
}

export interface BodyBudget {
  /**
   * Counts what a request says of its body, `mostBytes` at most. `stranger` is the address of one without a key. Throws `overloaded`
   * where there is no room.
   */
  take(headers: Headers, of: { mostBytes: number; stranger?: string | undefined }): BodyLease
}

/** `total` in bytes, of all requests of this process. */
export function createBodyBudget({ total }: { total: number }): BodyBudget {
  const taken = new Map<string, number>()

  /** The accounts of one request, and what each may hold. */
  const roomsOf = (stranger: string | undefined): [name: string, room: number][] =>
    stranger === undefined
      ? [['all', total]]
      : [
          ['all', total],
          ['strangers', total * STRANGERS_SHARE],
          [`stranger ${limitKey(stranger)}`, total * ONE_STRANGERS_SHARE],
        ]

  function add(name: string, bytes: number) {
    const left = (taken.get(name) ?? 0) + bytes
    if (left > 0) taken.set(name, left)
    else taken.delete(name)
  }

  return {
    take(headers, { mostBytes, stranger }) {
      const rooms = roomsOf(stranger)
      let mine = 0

      function grow(bytes: number) {
        if (bytes === 0) return
        for (const [name, room] of rooms) {
          const others = (taken.get(name) ?? 0) - mine
          // The only one is never refused: a body may be larger than the share.
          if (others > 0 && others + mine + bytes > room)
            throw new GatewayError(
              'overloaded',
              'The gateway is busy with other large requests. Try again shortly',
            )
        }
        for (const [name] of rooms) add(name, bytes)
        mine += bytes
      }

      // What is larger than it may be, or no number, is refused where the body is read.
      const declared = Number(headers.get('content-length') ?? 0)
      grow(declared > 0 ? Math.min(declared, mostBytes) : 0)
      return {
        grow,
        release() {
          for (const [name] of rooms) add(name, -mine)
          mine = 0
        },
      }
    },
  }
}
