// What a new version of a plugin asks for beyond the old one. Enabling was the consent to the old list; the new one needs its own.
import { asksOf, lacking } from '../../src/contract/grants.ts'
import type { Manifest } from '../../src/contract/manifest.ts'

/** Each as an operator reads it; empty where the consent still covers everything. */
export function growthOf(before: Manifest, after: Manifest): string[] {
  const added = (of: (manifest: Manifest) => readonly string[] | null | undefined) => {
    const had = of(before) ?? []
    return (of(after) ?? []).filter(entry => !had.includes(entry))
  }
  const grown = [
    ...added(({ permissions }) => permissions).map(permission => `the permission ${permission}`),
    ...lacking(asksOf(after), asksOf(before)),
    ...added(({ net }) => net?.allow).map(host => `the host ${host}`),
    ...added(({ net }) => net?.allowConfigHosts).map(key => `the host that the setting ${key} names`),
  ]
  // No list is every session; an entry that was denied before and is not now opens a host as well.
  const had = before.sessions ?? ['*']
  if (!had.includes('*'))
    grown.push(
      ...(after.sessions ?? ['*'])
        .filter(session => !had.includes(session))
        .map(session => (session === '*' ? 'all sessions' : `the session ${session}`)),
    )
  const denied = after.net?.deny ?? []
  for (const host of before.net?.deny ?? [])
    if (!denied.includes(host)) grown.push(`the host ${host}, which it had ruled out`)
  if (before.sessionScoped !== false && after.sessionScoped === false)
    grown.push('events of all sessions, whatever it was activated for')
  return grown
}
