import { describe, expect, it } from 'vitest'
import { type BrokerPlugin, type DenyReason, decide } from './decide.ts'

const plugin: BrokerPlugin = {
  id: 'bot',
  permissions: ['messages:send'],
  sessions: ['*'],
  sessionScoped: true,
  activeSessions: ['*'],
}
const send = { permission: 'messages:send' } as const
const live = (id: string) => id === 's1'

interface Row {
  name: string
  given?: Partial<BrokerPlugin>
  verb?: Parameters<typeof decide>[0]
  session?: string | null
  reason: DenyReason | null
  why?: string
}

const rows: Row[] = [
  { name: 'all that it needs', reason: null },
  { name: 'the session by name', given: { sessions: ['s1'], activeSessions: ['s2', 's1'] }, reason: null },
  {
    name: 'a verb without permission or session',
    given: { permissions: [], sessions: [], activeSessions: [] },
    verb: { permission: null },
    session: null,
    reason: null,
  },
  {
    name: 'a verb without session',
    given: { sessions: [], activeSessions: [] },
    session: null,
    reason: null,
  },
  {
    name: 'a plugin of the whole gateway, which is nowhere activated',
    given: { sessionScoped: false, activeSessions: [] },
    reason: null,
  },
  {
    name: 'no permission',
    given: { permissions: [] },
    reason: 'permission',
    why: "Plugin bot is missing the 'messages:send' permission required for this capability",
  },
  {
    name: 'a permission that is merely alike',
    given: { permissions: ['Messages:send', 'messages:send ', 'messages:*', '*'] },
    reason: 'permission',
  },
  {
    name: 'no permission and no session: the permission comes first',
    given: { permissions: [], sessions: [] },
    session: 's9',
    reason: 'permission',
  },
  {
    name: 'no sessions in the manifest',
    given: { sessions: [] },
    reason: 'manifest_sessions',
    why: 'Plugin bot is not permitted to act on session s1',
  },
  { name: 'another session in the manifest', given: { sessions: ['s2'] }, reason: 'manifest_sessions' },
  {
    name: 'a gateway-wide plugin outside its manifest',
    given: { sessionScoped: false, sessions: ['s2'] },
    reason: 'manifest_sessions',
  },
  {
    name: 'no activation',
    given: { activeSessions: [] },
    reason: 'not_activated',
    why: 'Plugin bot is not activated for session s1',
  },
  { name: 'activation elsewhere', given: { activeSessions: ['s2', 'S1', 's1 '] }, reason: 'not_activated' },
  {
    name: 'a session that is down',
    session: 's2',
    reason: 'session_down',
    why: 'Session s2 has no active engine (unknown or not started)',
  },
  { name: 'a session named *', given: { activeSessions: ['s1'] }, session: '*', reason: 'not_activated' },
]

describe('decide', () => {
  it.each(rows)('$name', ({ given, verb = send, session = 's1', reason, why }) => {
    const verdict = decide(verb, { ...plugin, ...given }, session, live)
    if (reason === null) return expect(verdict).toEqual({ allow: true })
    expect(verdict).toMatchObject({ allow: false, reason })
    if (why !== undefined) expect(verdict).toMatchObject({ why: expect.stringContaining(why) })
  })

  it('shows no more of a session id than an id has', () => {
    const verdict = decide(send, plugin, 'x'.repeat(10_000), live)
    expect(JSON.stringify(verdict).length).toBeLessThan(300)
  })
})
