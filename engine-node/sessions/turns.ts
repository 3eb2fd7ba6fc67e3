// Work on one thing, one after the other: two operators may press at once.

/** Each run begins when the one before has ended, well or not. */
export function createTurns(): <T>(run: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return run => {
    const result = last.then(run, run)
    last = result
    return result
  }
}
