// Which sessions this engine may run: it claims each in the database, renews the claims in time, and hears when one is over or
// another engine's has ended. No two clocks are compared: each engine counts time for itself (docs/decisions/0014).
import type { Db } from '../../src/db/db.ts'
import {
  allLeases,
  claimLease,
  findLease,
  type LeaseRow,
  leasesOf,
  releaseLease,
  releaseLeases,
  renewLeases,
  type WantedSession,
  wantedSessions,
} from '../../src/db/leases.ts'
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { WriteQueue } from '../store/write-queue.ts'
import type { Fence } from './fence.ts'
import { elsewhere } from './here-only.ts'
import { createLeaseWatch } from './lease-watch.ts'

/** Of this start of this engine. */
export interface EngineIdentity {
  /** Random, for one start. */
  id: string
  /** What people call it. */
  name: string
  /** Of its data folder, which one engine at a time can hold. */
  home: string
}

/** What the sessions hear. */
export interface LeaseEvents {
  /** This engine must not run it any more. In the turn in which that is known. */
  lost(sessionId: string, why: string): void
  /** It should run and nobody runs it. */
  free(sessionId: string): void
  isRunning(sessionId: string): boolean
}

export interface Leases extends AsyncDisposable {
  /** Reads what others hold. To be called once, at the start. */
  load(): Promise<void>
  /** Begins to renew and to look for sessions that have become free. */
  start(events: LeaseEvents): void
  /**
   * Claims a session, unless it is held already. False where somebody else has run it since this engine last knew it: what
   * is in memory of it is out of date. Rejects with `session_elsewhere`.
   */
  take(sessionId: string): Promise<boolean>
  /** Lets others have it. */
  release(sessionId: string): Promise<void>
  /** Another engine held it at the start. */
  isElsewhere(sessionId: string): boolean
  /** The name of the engine that holds it, where that is another one. */
  holderOf(sessionId: string): Promise<string | null>
  /** The queue for the connection of a session: it takes a `put`, and lets go what waits in `after`, while it is held only. */
  gated(sessionId: string, queue: WriteQueue): WriteQueue
  /** A write was refused: asks the database what has been lost. */
  verify(): void
  /** The session is gone for good. */
  forget(sessionId: string): void
}

/** A claim is renewed each third of its time, so that two renewals may fail before it is over. */
const RENEWALS = 3
/**
 * Its owner gives it up after this part of its time: the rest is for clocks that run at different speeds, and for frames
 * between the gate and the wire.
 */
const OWN_PART = 0.8
/** The part by which rounds come sooner or later, so that engines that were started together do not ask together. */
const JITTER = 0.2

const UNRENEWED =
  'The database did not confirm in time that this engine owns the session, so its connection was closed. Check the database server and the way to it; the session comes back by itself'
const takenBy = (name: string) =>
  `The engine ${name} has taken over this session. It comes back here by itself when that engine stops or dies`

interface Claim {
  fence: number
  /** Until when it holds, as `elapsed` counts. */
  until: number
}

export function createLeases(deps: {
  db: Db
  /** Not the fence's own: claims are made with it. */
  queue: WriteQueue
  fence: Fence
  clock: Pick<Clock, 'after'>
  log: Logger
  random: () => number
  /** Milliseconds since some moment; no change of the hour moves it. */
  elapsed: () => number
  engine: EngineIdentity
  leaseMs: number
  /** No other engine can have this database: claims need no renewal, and those of others are of processes that are gone. */
  isAlone: boolean
}): Leases {
  const { db, queue, fence, clock, log, random, elapsed, engine, leaseMs, isAlone } = deps
  const held = new Map<string, Claim>()
  const taking = new Map<string, Promise<boolean>>()
  /** The fences as this engine last knew them; 0 for a session that nobody has run. */
  const lastFences = new Map<string, number>()
  let atStart = new Set<string>()
  const watch = createLeaseWatch({ elapsed, engine, isAlone })
  let events: LeaseEvents | null = null
  let cancelRound = () => {}
  let cancelExpiry = () => {}
  let isRound = false
  let isClosed = false

  const holds = ({ until }: Claim) => elapsed() < until
  const untilOf = (askedAt: number) => (isAlone ? Number.POSITIVE_INFINITY : askedAt + leaseMs * OWN_PART)

  function lose(sessionId: string, why: string) {
    if (!held.delete(sessionId)) return
    log.warn({ sessionId, engine: engine.name }, why)
    events?.lost(sessionId, why)
  }

  /** Gives up what was not renewed in time, before anybody else may have it. */
  function expire() {
    for (const [sessionId, claim] of [...held]) if (!holds(claim)) lose(sessionId, UNRENEWED)
    cancelExpiry()
    const soonest = Math.min(...[...held.values()].map(({ until }) => until))
    if (Number.isFinite(soonest)) cancelExpiry = clock.after(Math.max(1, soonest - elapsed()), expire)
  }

  function whileMine(sessionId: string, act: () => void) {
    const mine = held.get(sessionId)
    if (mine && holds(mine)) act()
    // A connection of which a frame or a write is left out is of no use, so it goes too.
    else lose(sessionId, UNRENEWED)
  }

  async function claim(sessionId: string): Promise<boolean> {
    const askedAt = elapsed()
    const { id: owner, name: ownerName, home } = engine
    let row: LeaseRow | null
    do {
      row = await findLease(db, sessionId)
      if (row && !watch.mayTake(row)) throw elsewhere(row.ownerName)
      // Nothing changes where somebody was quicker; whether that was another engine, the next look tells.
      const [claimed] = await queue.commit([claimLease({ sessionId, owner, ownerName, home, leaseMs }, row)])
      if (claimed === 1) break
    } while (!isClosed)
    const before = row?.fence ?? 0
    const isContinued = before === (lastFences.get(sessionId) ?? 0)
    const mine = { fence: before + 1, until: untilOf(askedAt) }
    held.set(sessionId, mine)
    lastFences.set(sessionId, mine.fence)
    atStart.delete(sessionId)
    fence.raise(sessionId, mine.fence)
    expire()
    return isContinued
  }

  async function renew() {
    const askedAt = elapsed()
    const asked = [...held]
    if (asked.length === 0) return
    await queue.commit([renewLeases(engine.id)])
    const rows = new Map((await leasesOf(db, engine.id)).map(row => [row.sessionId, row]))
    expire()
    for (const [sessionId, mine] of asked) {
      if (held.get(sessionId) !== mine) continue
      if (rows.get(sessionId)?.fence === mine.fence) mine.until = untilOf(askedAt)
      else await tellLost(sessionId)
    }
    expire()
  }

  async function tellLost(sessionId: string) {
    const row = await findLease(db, sessionId)
    if (row) watch.lost(row, text => log.error({ engine: engine.name }, text))
    lose(sessionId, takenBy(row?.ownerName ?? '?'))
  }

  /** What has stopped by itself is for others to have; what others have let go, or died with, is for this one. */
  async function look() {
    for (const sessionId of [...held.keys()])
      if (!taking.has(sessionId) && events?.isRunning(sessionId) === false) await release(sessionId)
    const wanted = await wantedSessions(db)
    watch.see(wanted)
    for (const each of wanted) if (isFree(each)) events?.free(each.sessionId)
  }

  const isFree = (each: WantedSession) =>
    !held.has(each.sessionId) && !taking.has(each.sessionId) && watch.isFree(each)

  async function round() {
    if (isRound || isClosed || isAlone) return
    isRound = true
    try {
      await renew()
      await look()
    } catch (err) {
      notRenewed(err)
    }
    isRound = false
  }

  /** The next round tries again; claims that run out meanwhile are given up by `expire`. */
  const notRenewed = (err: unknown) =>
    log.warn({ err, engine: engine.name }, 'the claims of sessions could not be renewed')

  function roundLater() {
    const wait = (leaseMs / RENEWALS) * (1 - JITTER * random())
    cancelRound = clock.after(wait, () => {
      void round()
      roundLater()
    })
  }

  async function release(sessionId: string) {
    // Alone, there is nobody to let it go to.
    if (isAlone) return
    const mine = held.get(sessionId)
    held.delete(sessionId)
    try {
      await queue.commit([releaseLease(sessionId, engine.id)])
    } catch (error) {
      // Still ours then, and the next round tries again.
      if (mine && !held.has(sessionId)) held.set(sessionId, mine)
      throw error
    }
  }

  return {
    async load() {
      const rows: LeaseRow[] = await allLeases(db)
      const others = rows.filter(row => !watch.mayTake(row))
      atStart = new Set(others.map(({ sessionId }) => sessionId))
      for (const { sessionId, fence } of rows) if (!atStart.has(sessionId)) lastFences.set(sessionId, fence)
    },
    start(given) {
      events = given
      if (!isAlone) roundLater()
    },
    take(sessionId) {
      const mine = held.get(sessionId)
      if (mine && holds(mine)) return Promise.resolve(true)
      const made = taking.get(sessionId) ?? claim(sessionId).finally(() => taking.delete(sessionId))
      taking.set(sessionId, made)
      return made
    },
    release,
    isElsewhere: sessionId => atStart.has(sessionId),
    async holderOf(sessionId) {
      const mine = held.get(sessionId)
      if (isAlone || (mine && holds(mine))) return null
      const row = await findLease(db, sessionId)
      return row === null || watch.mayTake(row) ? null : row.ownerName
    },
    gated: (sessionId, given) => ({
      ...given,
      // What it would write is for its next owner to learn from WhatsApp: nothing of it has been acknowledged.
      put: (...queued) => whileMine(sessionId, () => given.put(...queued)),
      after: ready => given.after(() => whileMine(sessionId, ready)),
    }),
    verify: () => void renew().catch(notRenewed),
    forget(sessionId) {
      held.delete(sessionId)
      lastFences.delete(sessionId)
      fence.forget(sessionId)
    },
    async [Symbol.asyncDispose]() {
      isClosed = true
      cancelRound()
      cancelExpiry()
      held.clear()
      if (isAlone) return
      await queue
        .commit([releaseLeases(engine.id)])
        .catch(err =>
          log.warn({ err, engine: engine.name }, 'sessions could not be let go; others have to wait'),
        )
    },
  }
}
