// The plugin's handlers. For the host they are one per event, at the plugin's lowest priority; among themselves they keep
// their own order, and one that throws does not stop the others.
import type { ContractFacts } from './contract-facts.ts'
import { errorText } from './error-text.ts'

/** As much of HookContext as every event has. */
export interface GuestHookContext {
  event: string
  data: unknown
  sessionId?: string
  timestamp: Date
  source: string
}

/** Null for "go on, nothing changed": the common answer is the smallest frame. */
export type GuestAnswer = { continue: boolean; data?: unknown; error?: string } | null

export type GuestHandler = (context: GuestHookContext) => unknown

export interface HookTableDeps {
  facts: Pick<ContractFacts, 'hooks' | 'defaultPriority'>
  subscribe(event: string, priority: number): void
  warn(text: string): void
  /** A handler threw. */
  failed(event: string, thrown: unknown): void
}

export interface HookTable {
  register(event: unknown, handler: unknown, priority: unknown): void
  run(context: GuestHookContext): Promise<GuestAnswer>
}

export function createHookTable({ facts, subscribe, warn, failed }: HookTableDeps): HookTable {
  const slots = new Map<string, { priority: number; handler: GuestHandler }[]>()
  const warned = new Set<string>()
  const names = new Set(facts.hooks)

  return {
    register(event, handler, priority) {
      if (typeof event !== 'string' || typeof handler !== 'function')
        throw new TypeError('registerHook(event, handler, priority) takes a name and a function')
      if (!names.has(event)) {
        if (!warned.has(event))
          warn(`There is no hook named ${JSON.stringify(event)}: its handlers are never called`)
        warned.add(event)
        return
      }
      const handlers = slots.get(event) ?? []
      const lowest = handlers[0]?.priority
      const entry = {
        priority:
          typeof priority === 'number' && Number.isFinite(priority) ? priority : facts.defaultPriority,
        handler: handler as GuestHandler,
      }
      // Sorting is stable, so ties stay in the order of registration.
      slots.set(
        event,
        [...handlers, entry].sort((a, b) => a.priority - b.priority),
      )
      if (lowest === undefined || entry.priority < lowest) subscribe(event, entry.priority)
    },
    async run(context) {
      let error: string | undefined
      let changed = false
      let goesOn = true
      for (const { handler } of slots.get(context.event) ?? []) {
        let answer: { continue?: unknown; data?: unknown } | null | undefined
        try {
          answer = (await handler(context)) as typeof answer
        } catch (thrown) {
          error ??= errorText(thrown)
          failed(context.event, thrown)
          continue
        }
        if (answer === null || answer === undefined) continue
        if (!isAnswer(answer)) {
          error ??= 'A handler answered something else than { continue, data }'
          continue
        }
        if (answer.data !== undefined) {
          changed = true
          context = { ...context, data: answer.data }
        }
        if (answer.continue === false) {
          goesOn = false
          break
        }
      }
      if (goesOn && !changed && error === undefined) return null
      return {
        continue: goesOn,
        ...(changed ? { data: context.data } : {}),
        ...(error === undefined ? {} : { error }),
      }
    },
  }
}

/** Anything else counts as "go on", but not as an answer: a guard that meant to refuse must not pass for content. */
const isAnswer = (answer: { continue?: unknown }): boolean =>
  typeof answer === 'object' && (answer.continue === undefined || typeof answer.continue === 'boolean')
