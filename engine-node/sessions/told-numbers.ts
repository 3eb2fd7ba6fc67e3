// Numbers that somebody else chose, as what a date, a column and JSON can hold. A stranger's 2^60 or NaN would be stored once and
// then break whoever reads the row. Pure.
import { toNumber } from 'baileys'

type Told = Parameters<typeof toNumber>[0]

/** The last second of the year 9999: no later one has a date of the usual form. */
const MAX_SECONDS = 253_402_300_799

/** How far ahead of WhatsApp's clock a sender's may be. */
const MAX_AHEAD_MS = 24 * 60 * 60_000

/** Whole seconds since 1970; null for what is no such time. */
export function secondsOf(told: Told): number | null {
  const seconds = told == null ? 0 : toNumber(told)
  return Number.isInteger(seconds) && seconds >= 0 && seconds <= MAX_SECONDS ? seconds : null
}

/** When a message was sent, in seconds, by its envelope; 0 where that says nothing. */
export const sentAt = (told: Told): number => secondsOf(told) ?? 0

/**
 * The moment in milliseconds at which a sender says to have done something, if that can be: up to a day ahead of `stanzaMs`, the
 * time by WhatsApp. Else that one.
 */
export function momentOf(told: Told, stanzaMs: number): number {
  const at = told == null ? 0 : toNumber(told)
  return Number.isInteger(at) && at > 0 && at <= stanzaMs + MAX_AHEAD_MS ? at : stanzaMs
}

/** A count or a size; null for one that no integer of a database and of JSON holds alike. */
export function wholeOf(told: Told): number | null {
  const count = told == null ? Number.NaN : toNumber(told)
  return Number.isSafeInteger(count) && count >= 0 ? count : null
}

/** Any figure; null for one that JSON cannot say. */
export const finiteOf = (told: number | null | undefined): number | null =>
  typeof told === 'number' && Number.isFinite(told) ? told : null
