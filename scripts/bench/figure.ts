// What a benchmark returns, and how it is judged. Absolute times mean little on shared machines, so the judged number is
// a ratio against a bare baseline that was measured in the same run.

export interface Figure {
  name: string
  value: number
  unit: string
  /** The bare thing, measured beside it; null for a figure that stands for itself. */
  baseline: number | null
  goal: Goal | null
}

/** `of` says which number the limit is for. */
export type Goal = { of: 'ratio' | 'value'; atMost: number } | { of: 'ratio' | 'value'; atLeast: number }

export interface Judged extends Figure {
  ratio: number | null
  met: boolean | null
}

/** A named benchmark. `run` may take minutes, and leaves nothing running. */
export interface Bench {
  name: string
  about: string
  run(): Promise<Figure[]>
}

/** Adds the ratio and whether the goal is met; null where there is none. */
export function judge(figure: Figure): Judged {
  const ratio = figure.baseline === null ? null : figure.value / figure.baseline
  const { goal } = figure
  if (goal === null) return { ...figure, ratio, met: null }
  const number = goal.of === 'value' ? figure.value : ratio
  if (number === null) throw new Error(`${figure.name}: a goal for a ratio needs a baseline`)
  return { ...figure, ratio, met: 'atMost' in goal ? number <= goal.atMost : number >= goal.atLeast }
}

/** The value below which `share` of the samples lie; 0.5 is the median. */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
