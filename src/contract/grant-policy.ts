// What the operator confirms in advance: by the id of a plugin, the most that it may be given when it asks.
import * as v from 'valibot'
import { Grants } from './grants.ts'
import { PluginId } from './ids.ts'

/** By plugin. Limits are upper bounds, paths stand for all that lies below them, names for themselves. */
export type GrantPolicy = ReadonlyMap<string, Grants>

const Policies = v.record(
  v.pipe(
    v.string(),
    v.check(
      id => v.is(PluginId, id),
      ({ input }) => `holds ${JSON.stringify(input).slice(0, 80)}, which is no id of a plugin`,
    ),
  ),
  Grants,
  'must be an object of what each plugin may be given, by its id',
)

/** A policy from the text of a setting; each fault names the plugin and the field. */
export const GrantPolicyText = v.pipe(
  v.string(),
  v.rawTransform<string, GrantPolicy>(({ dataset, addIssue, NEVER }) => {
    const parsed = v.safeParse(Policies, parseJson(dataset.value))
    if (parsed.success) return new Map(Object.entries(parsed.output))
    addIssue({ message: parsed.issues.map(faultOf).join(', ') })
    return NEVER
  }),
)

/** Undefined for what is no JSON, or a list, which no schema takes. */
function parseJson(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) ? undefined : value
  } catch {
    return undefined
  }
}

function faultOf(issue: v.BaseIssue<unknown>): string {
  const [plugin, ...fields] = issue.path ?? []
  if (plugin === undefined || (fields.length === 0 && issue.path?.[0]?.origin === 'key')) return issue.message
  const field = fields.map(({ key }) => key).join('.')
  const isOurText = !/^Invalid /.test(issue.message)
  return `${String(plugin.key)}: ${isOurText ? issue.message : `${field || 'its value'} is not something that can be given`}`
}
