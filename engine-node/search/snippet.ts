// The part of a text that shows why it was found, as HTML that cannot be anything else.

/** Characters before the first match, and in all. */
const BEFORE = 40
const LENGTH = 160

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}
const escapeHtml = (text: string) => text.replace(/[&<>"']/g, char => entities[char] ?? char)

const escapePattern = (word: string) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** The text around the first of the words, escaped, with `<mark>` around each of them. */
export function snippetOf(body: string, words: readonly string[]): string {
  if (words.length === 0) return escapeHtml(body.slice(0, LENGTH))
  // Words that people typed, taken literally: an alternation of plain texts.
  const pattern = new RegExp(words.map(escapePattern).join('|'), 'gi')
  const first = body.search(pattern)
  const start = Math.max(0, first - BEFORE)
  const part = body.slice(start, start + LENGTH)
  let html = start > 0 ? '…' : ''
  let at = 0
  for (const match of part.matchAll(pattern)) {
    html += `${escapeHtml(part.slice(at, match.index))}<mark>${escapeHtml(match[0])}</mark>`
    at = match.index + match[0].length
  }
  return `${html}${escapeHtml(part.slice(at))}${start + LENGTH < body.length ? '…' : ''}`
}
