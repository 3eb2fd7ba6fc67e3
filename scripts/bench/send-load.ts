// Sends as a client with so many requests open at a time, each to a chat of its own.
export interface SendLoad {
  count: number
  inFlight: number
  /** Numbers; the sends of one worker go to one of them, as the order of a chat is kept. */
  to: readonly string[]
}

export interface SendResult {
  perSecond: number
  /** Milliseconds from asking to the server's acknowledgement. */
  times: number[]
}

/** `send` resolves when the server has acknowledged. */
export async function sendUnderLoad(
  { count, inFlight, to }: SendLoad,
  send: (number: string, text: string) => Promise<unknown>,
): Promise<SendResult> {
  const times: number[] = []
  let left = count
  const worker = async (_: unknown, index: number) => {
    const number = to[index % to.length] ?? ''
    while (left > 0) {
      left -= 1
      const start = performance.now()
      await send(number, `text ${left}`)
      times.push(performance.now() - start)
    }
  }
  const start = performance.now()
  await Promise.all(Array.from({ length: inFlight }, worker))
  return { perSecond: count / ((performance.now() - start) / 1000), times }
}
