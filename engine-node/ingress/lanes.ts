// The order in which deliveries run: one after another within a lane, lanes beside each other, whoever waits longest first.
// It knows numbers and keys; what they mean, and when a lane may go on, is the dispatcher's business.

interface Lane {
  /** Ascending; the first is the one that runs or is tried again. */
  ids: number[]
  /** `ready` stands in the queue, `busy` runs, `parked` waits for `release`. */
  state: 'ready' | 'busy' | 'parked'
}

export interface Lanes {
  /** An id that is older than others of its lane takes its place before them, though never before one that runs. */
  add(key: string, id: number): void
  /** The first of the lane that waits longest; the lane is busy until `drop` or `park`. Null when none is ready. */
  take(): { key: string; id: number } | null
  /** The first of a busy lane is finished. */
  drop(key: string): void
  /** The first of a busy lane stays the first, and the lane waits. */
  park(key: string): void
  /** A parked lane may go on. */
  release(key: string): void
  /** The lanes that are parked. */
  parked(): string[]
}

export function createLanes(): Lanes {
  const lanes = new Map<string, Lane>()
  // A set keeps the order in which keys came in.
  const ready = new Set<string>()

  function makeReady(key: string, lane: Lane) {
    lane.state = 'ready'
    ready.add(key)
  }

  return {
    add(key, id) {
      const lane = lanes.get(key)
      if (lane === undefined) {
        const created: Lane = { ids: [id], state: 'ready' }
        lanes.set(key, created)
        makeReady(key, created)
        return
      }
      const movable = lane.state === 'busy' ? 1 : 0
      let at = lane.ids.length
      while (at > movable && (lane.ids[at - 1] ?? 0) > id) at -= 1
      lane.ids.splice(at, 0, id)
    },
    take() {
      const [key] = ready
      if (key === undefined) return null
      ready.delete(key)
      const lane = lanes.get(key)
      const id = lane?.ids[0]
      if (lane === undefined || id === undefined) return null
      lane.state = 'busy'
      return { key, id }
    },
    drop(key) {
      const lane = lanes.get(key)
      if (lane?.state !== 'busy') return
      lane.ids.shift()
      if (lane.ids.length === 0) lanes.delete(key)
      else makeReady(key, lane)
    },
    park(key) {
      const lane = lanes.get(key)
      if (lane?.state === 'busy') lane.state = 'parked'
    },
    release(key) {
      const lane = lanes.get(key)
      if (lane?.state === 'parked') makeReady(key, lane)
    },
    parked: () => [...lanes].filter(([, lane]) => lane.state === 'parked').map(([key]) => key),
  }
}
