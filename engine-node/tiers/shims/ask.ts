// How shims ask the host of the isolate for what only it can do. Text goes out, text comes back, and nothing else crosses.

/** Asks for one of the powers (isolate-host/powers.ts). Throws what it refused, as an error of this realm. */
export type Ask = (power: string, ...args: unknown[]) => unknown

const types: Record<string, ErrorConstructor> = { TypeError, RangeError }

/** `call` never throws: an error that crossed by itself would bring the host's stack along. */
export function createAsk(call: (power: string, args: string) => string): Ask {
  const { parse, stringify } = JSON
  return (power, ...args) => {
    const answer = parse(call(power, stringify(args))) as
      | { value: unknown }
      | { error: { name: string; message: string; code?: string } }
    if ('value' in answer) return answer.value
    const { name, message, code } = answer.error
    throw Object.assign(new (types[name] ?? Error)(message), code === undefined ? {} : { code })
  }
}
