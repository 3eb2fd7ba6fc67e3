// How an archive is refused: with the rule that it breaks and the entry it breaks it with, never with its content.
import { GatewayError } from '../../src/contract/errors.ts'

export type ArchiveRule =
  | 'size'
  | 'structure'
  | 'count'
  | 'encryption'
  | 'method'
  | 'type'
  | 'path'
  | 'duplicate'
  | 'overlap'
  | 'content'
  | 'location'
  | 'manifest'
  | 'main'

/** Text of an entry's name for people and logs: one line of ASCII, cut where a name is an attack by its length. */
export function shownEntry(name: Uint8Array | string): string {
  const text = typeof name === 'string' ? name : Buffer.from(name.subarray(0, 480)).toString('utf8')
  const escaped = text.replace(/[^\x20-\x7e]/gu, char => `\\u{${char.codePointAt(0)!.toString(16)}}`)
  return escaped.length > 120 ? `${escaped.slice(0, 120)}…` : escaped
}

/** `message` must not repeat bytes of the archive other than an escaped entry name. */
export function refuseArchive(rule: ArchiveRule, message: string, entry?: Uint8Array | string): GatewayError {
  return new GatewayError('package_invalid', message, {
    details: { rule, ...(entry === undefined ? {} : { entry: shownEntry(entry) }) },
  })
}

/** For all that breaks the zip format itself; OpenWA's words, and then what is wrong. */
export const notAZip = (why: string, entry?: Uint8Array | string) =>
  refuseArchive('structure', `The file is not a valid .zip archive: ${why}`, entry)
