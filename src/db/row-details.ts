// What a message says besides its text lies in the metadata of its row, under the names of IncomingMessage: the way there, and
// the way back. Pure.
import type { IncomingMessage } from '../contract/message.ts'

const names = [
  'quotedMessage',
  'mentionedIds',
  'ephemeralDuration',
  'media',
  'location',
  'poll',
  'call',
  'vcards',
  'buttons',
  'button',
  'order',
  'product',
  'isViewOnce',
  'backgroundColor',
  'font',
] as const satisfies readonly (keyof IncomingMessage)[]

export type RowDetails = { [N in (typeof names)[number]]?: Exclude<IncomingMessage[N], undefined> }

function picked(from: object): RowDetails {
  const source = from as { readonly [name: string]: unknown }
  return Object.fromEntries(names.flatMap(name => (source[name] === undefined ? [] : [[name, source[name]]])))
}

/** For the column `metadata`; null where there is nothing to say. */
export function toMetadata(message: Partial<IncomingMessage>): RowDetails | null {
  const details = picked(message)
  return Object.keys(details).length > 0 ? details : null
}

/** What the metadata of a row says of its message. */
export const fromMetadata = (metadata: Record<string, unknown> | null | undefined): RowDetails =>
  picked(metadata ?? {})
