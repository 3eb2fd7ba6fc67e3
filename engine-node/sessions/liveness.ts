// Whether a connection still hears WhatsApp: a silent one is asked, and one that does not answer is given up. Baileys' own
// keep-alive sees a socket without any frame only; a server that sends and does not answer passes it.
import type { Clock } from '../clock.ts'

export interface Health {
  /** Epoch milliseconds; null before the first one. */
  lastFrameAt: number | null
  lastAnswerAt: number | null
  /** For how long Baileys has been holding events back, in milliseconds. */
  bufferedMs: number
}

export interface Liveness {
  /** The connection waits for a person, for as long as it may. */
  waits(): void
  /** From the moment that the connection is ready. */
  start(): void
  /** A frame came. */
  heard(): void
  health(): Health
  stop(): void
}

/** From the first byte to a code to scan, or to being ready: a second on a bad line, and some more for what a phone has to send. */
const CONNECT_WITHIN_MS = 20_000
/** Between two looks. A question is asked at each where no frame came since the last, and at every fourth anyway. */
const LOOK_EVERY_MS = 15_000
const ASK_ANYWAY = 4
/** An answer takes a second on a bad line. */
const ANSWER_WITHIN_MS = 10_000
/** One lost answer may be WhatsApp's fault; two in a row with no connection to blame are rare. */
const MAX_UNANSWERED = 2
/** Baileys ends its buffering by itself after 30 s; reports tell of cases where it did not. */
const MAX_BUFFERED_MS = 60_000

/** The connection is about to be made. `probe` resolves with whether WhatsApp answered in that time. `onDeaf` is called once. */
export function createLiveness(deps: {
  clock: Clock
  probe: (timeoutMs: number) => Promise<boolean>
  isBuffering: () => boolean
  flush: () => void
  onDeaf: () => void
}): Liveness {
  const { clock, probe, isBuffering, flush, onDeaf } = deps
  let lastFrameAt: number | null = null
  let lastAnswerAt: number | null = null
  let bufferingSince: number | null = null
  let framesAtLook = 0
  let frames = 0
  let looks = 0
  let unanswered = 0
  let isAsking = false
  let isStopped = false
  let undo = clock.after(CONNECT_WITHIN_MS, giveUp)

  function ask() {
    isAsking = true
    const { promise: asked, resolve } = Promise.withResolvers<boolean>()
    // The time that the library is given is kept here as well: a probe that never ends must not keep a deaf connection alive.
    const undoWait = clock.after(ANSWER_WITHIN_MS, () => resolve(false))
    probe(ANSWER_WITHIN_MS)
      .catch(() => false)
      .then(resolve)
      .finally(undoWait)
    void asked.then(isAnswered => {
      isAsking = false
      if (isStopped) return
      unanswered = isAnswered ? 0 : unanswered + 1
      if (isAnswered) lastAnswerAt = clock.now()
      if (unanswered >= MAX_UNANSWERED) giveUp()
    })
  }

  function giveUp() {
    stop()
    onDeaf()
  }

  function look() {
    const now = clock.elapsed()
    if (!isBuffering()) bufferingSince = null
    else if (bufferingSince === null) bufferingSince = now
    else if (now - bufferingSince >= MAX_BUFFERED_MS) flush()
    looks += 1
    const isSilent = frames === framesAtLook
    framesAtLook = frames
    if (!isAsking && (isSilent || unanswered > 0 || looks % ASK_ANYWAY === 0)) ask()
    later()
  }

  function later() {
    undo = clock.after(LOOK_EVERY_MS, look)
  }

  function stop() {
    isStopped = true
    undo()
  }

  return {
    waits: () => undo(),
    start() {
      undo()
      if (!isStopped) later()
    },
    heard() {
      frames += 1
      lastFrameAt = clock.now()
    },
    health: () => ({
      lastFrameAt,
      lastAnswerAt,
      bufferedMs: bufferingSince === null ? 0 : clock.elapsed() - bufferingSince,
    }),
    stop,
  }
}
