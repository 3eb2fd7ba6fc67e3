// How long a recording in Ogg/Opus plays: WhatsApp shows what the message says, and says nothing by itself. Pure.

/** Opus counts in 48 kHz, whatever was recorded (RFC 7845, section 4). */
const SAMPLES_PER_SECOND = 48_000

/** A page is at most 65,307 bytes, so the last one begins within as many before the end. */
export const OGG_TAIL_BYTES = 65_307

/** In whole seconds, from the end of the file; null where no page of Ogg begins there. */
export function oggSeconds(tail: Buffer): number | null {
  for (let at = tail.lastIndexOf('OggS'); at >= 0; at = at === 0 ? -1 : tail.lastIndexOf('OggS', at - 1)) {
    if (at + 14 > tail.length || tail[at + 4] !== 0) continue
    const samples = tail.readBigInt64LE(at + 6)
    // -1: no packet ends on this page.
    if (samples > 0n) return Math.max(1, Math.round(Number(samples) / SAMPLES_PER_SECOND))
  }
  return null
}
