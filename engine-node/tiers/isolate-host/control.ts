// What the gateway and a process of isolates say to each other beside the plugins' frames.
import * as v from 'valibot'

/** Isolates that one process has in its life: so many plugins at most end with it when it dies. */
export const ISOLATES_PER_PROCESS = 25

/** The pipe of this conversation, and the first of the isolates' own pipes after it. */
export const CONTROL_FD = 3
export const FIRST_SLOT_FD = 4

/** Text of one printed line on its way; the gateway cuts it further. */
const MAX_LINE = 65_536

const slot = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(ISOLATES_PER_PROCESS - 1))

/** Calls of the gateway. */
export const OpenIsolate = v.strictObject({
  slot,
  memoryMb: v.pipe(v.number(), v.integer(), v.minValue(8), v.maxValue(4_096)),
  /** Longest that it may run without a pause. */
  turnMs: v.pipe(v.number(), v.integer(), v.minValue(1)),
  /** The plugin's code by its path inside. */
  files: v.record(v.string(), v.string()),
})
export const OneIsolate = v.strictObject({ slot })
export type OneIsolate = v.InferOutput<typeof OneIsolate>

/** Answers and events of the process, which is a guest like any other: an isolate may have broken out into it. */
export const IsolateUsage = v.nullable(v.strictObject({ memoryBytes: v.number(), cpuMs: v.number() }))
export const IsolateEnded = v.strictObject({ slot, how: v.pipe(v.string(), v.maxLength(1_000)) })
export const IsolatePrinted = v.strictObject({ slot, line: v.pipe(v.string(), v.maxLength(MAX_LINE)) })
