// What may stand as the type of a file, in a header or in a message of ours.

/** Longest that is kept or taken. */
export const MAX_MEDIA_TYPE = 255

/**
 * `type/subtype` with parameters (RFC 9110, 8.3.1; without escapes in quotes). A quote never stands inside one and a semicolon
 * never inside a token, so that there is one way only to read a text: with two, a hundred characters can keep a process busy
 * for hours.
 */
const MEDIA_TYPE = /^[\w.+-]+\/[\w.+-]+(\s*;\s*[\w.+-]+=("[\x20\x21\x23-\x7e]*"|[\w.+-]+))*$/

export const isMediaType = (text: string): boolean => text.length <= MAX_MEDIA_TYPE && MEDIA_TYPE.test(text)
