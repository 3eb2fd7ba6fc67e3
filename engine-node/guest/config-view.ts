// What `ctx.config` answers: the base configuration, or inside a hook the session's slice laid over it.
import type { PluginConfig } from '../../src/contract/frames.ts'

type Json = Record<string, unknown>

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Objects key by key, arrays and scalars as a whole. */
export function mergeDeep(base: Json, over: Json): Json {
  const merged: Json = { ...base }
  for (const key of Object.keys(over)) {
    const [below, above] = [merged[key], over[key]]
    merged[key] = isObject(below) && isObject(above) ? mergeDeep(below, above) : above
  }
  return merged
}

export interface ConfigView {
  replace(config: PluginConfig): void
  of(sessionId: string | null): Json
}

/** Merged once per session and change: plugins read their configuration at the head of every handler. */
export function createConfigView(): ConfigView {
  let config: PluginConfig = { base: {}, sessions: {} }
  let merged = new Map<string, Json>()
  return {
    replace(next) {
      config = next
      merged = new Map()
    },
    of(sessionId) {
      if (sessionId === null || !Object.hasOwn(config.sessions, sessionId)) return config.base
      let view = merged.get(sessionId)
      if (view === undefined) {
        view = mergeDeep(config.base, config.sessions[sessionId] ?? {})
        merged.set(sessionId, view)
      }
      return view
    },
  }
}
