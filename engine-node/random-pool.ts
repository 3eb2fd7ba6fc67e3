// Randomness in small pieces: the system is asked for some kilobytes at a time, as each question costs more than the bytes.

const POOL_BYTES = 4_096

/** Gives what `source` gives, no byte twice. For ids and nonces; a key is better asked for by itself. */
export function createRandomPool(source: (bytes: number) => Uint8Array): (bytes: number) => Uint8Array {
  let pool: Uint8Array = new Uint8Array()
  return bytes => {
    if (bytes > POOL_BYTES) return source(bytes)
    if (pool.length < bytes) pool = source(POOL_BYTES)
    // A copy: the `slice` of a Buffer would be a view of what is wiped next.
    const taken = new Uint8Array(pool.subarray(0, bytes))
    pool.fill(0, 0, bytes)
    pool = pool.subarray(bytes)
    return taken
  }
}
