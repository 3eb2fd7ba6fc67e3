// An error as it is logged. Drizzle writes the values of a query that failed into the error that it wraps around the driver's:
// texts of messages, hashes of keys. Such a wrapper is left out, and what it wraps stands in its place.

/** Causes that are followed; more is a ring. */
const MAX_DEPTH = 8

/** By its look, as the class is in another package's hands. */
const isFailedQuery = (error: Error): boolean => 'query' in error && 'params' in error

/** What of an error goes into a log line: its name, text, stack and own fields, and the same of its causes. */
export function toLogged(thrown: unknown, depth = 0): unknown {
  if (!(thrown instanceof Error)) return thrown
  if (depth > MAX_DEPTH) return { type: thrown.constructor.name }
  if (isFailedQuery(thrown))
    return thrown.cause === undefined
      ? { type: thrown.constructor.name, message: 'A query failed' }
      : toLogged(thrown.cause, depth + 1)
  const { cause, errors, ...fields } = thrown as Error & { errors?: unknown }
  return {
    ...fields,
    type: thrown.constructor.name,
    message: thrown.message,
    stack: thrown.stack,
    ...(cause !== undefined && { cause: toLogged(cause, depth + 1) }),
    ...(Array.isArray(errors) && { errors: errors.map(each => toLogged(each, depth + 1)) }),
  }
}
