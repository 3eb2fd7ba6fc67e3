// What a text may not hold. Rules are plain words and switches, never patterns of the operator's: a pattern can take for ever,
// and a guard that is late is a guard that refuses everything.

/** A word of a text, folded for comparing, and where it stands. */
interface Word {
  folded: string
  start: number
  end: number
}

/** Look-alikes of one character become one, case goes, accents stay: they are letters of their own in many languages. */
const fold = (text: string) => text.normalize('NFKC').toLowerCase()

/** Characters that are drawn as nothing and would split a word for us and not for a reader. */
const INVISIBLE = /[\u00ad\u200b-\u200f\u2060\ufeff]/g

export function wordsOf(text: string): Word[] {
  return [...text.matchAll(/[\p{L}\p{N}\p{M}\u00ad\u200b-\u200f\u2060\ufeff]+/gu)].map(match => ({
    folded: fold(match[0].replace(INVISIBLE, '')),
    start: match.index,
    end: match.index + match[0].length,
  }))
}

/** Where the phrases stand in the text, as ranges of characters. Phrases without a word in them match nothing. */
export function findPhrases(text: string, phrases: readonly string[]): { start: number; end: number }[] {
  const words = wordsOf(text)
  return phrases.flatMap(phrase => {
    const wanted = wordsOf(phrase).map(({ folded }) => folded)
    if (wanted.length === 0) return []
    return words.flatMap((word, index) => {
      if (!wanted.every((part, offset) => words[index + offset]?.folded === part)) return []
      return [{ start: word.start, end: words[index + wanted.length - 1]!.end }]
    })
  })
}

/** The text with every range drawn as stars. */
export function maskRanges(text: string, ranges: readonly { start: number; end: number }[]): string {
  const characters = text.split('')
  for (const { start, end } of ranges) characters.fill('*', start, end)
  return characters.join('')
}

/** Hosts that the text links to: with a scheme, or as `www.` and a name. */
export function linkedHosts(text: string): string[] {
  return text
    .normalize('NFKC')
    .split(/[\s<>"'()]+/)
    .flatMap(part => {
      const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(part)
        ? part
        : /^www\./i.test(part)
          ? `http://${part}`
          : null
      return url !== null && URL.canParse(url) ? [new URL(url).hostname.replace(/\.$/, '')] : []
    })
}

export const isWithin = (host: string, domain: string) => {
  const folded = fold(domain.trim())
  return folded !== '' && (host === folded || host.endsWith(`.${folded}`))
}

/** True for 13 to 19 digits, with single spaces or dashes between them, whose last one is the check digit of the others. */
export function holdsCardNumber(text: string): boolean {
  const numbers = text.normalize('NFKC').match(/\d(?:[ -]?\d){12,18}(?![ -]?\d)/g) ?? []
  return numbers.some(number => isLuhn(number.replace(/[ -]/g, '')))
}

function isLuhn(digits: string): boolean {
  let sum = 0
  for (let place = 0; place < digits.length; place += 1) {
    const digit = Number(digits[digits.length - 1 - place])
    const doubled = digit * 2
    sum += place % 2 === 0 ? digit : doubled > 9 ? doubled - 9 : doubled
  }
  return sum % 10 === 0
}
