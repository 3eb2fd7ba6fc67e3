// What an isolate prints, as lines within the bounds of a log. It is applied in its process, so that a flood does not reach the
// gateway, and in the gateway, since an isolate may have broken out into its process.
import { createLineBudget } from '../guest/line-budget.ts'

/** The answer takes text of any length. */
export function createLinePrinter(now: () => number, print: (line: string) => void): (text: string) => void {
  const budget = createLineBudget(now)
  return text => {
    for (const line of text.split('\n')) {
      const cut = budget.take(line)
      if (cut === null) continue
      const dropped = budget.takeDropped()
      if (dropped > 0) print(`[${dropped} lines were dropped: too many at once]`)
      print(cut)
    }
  }
}
