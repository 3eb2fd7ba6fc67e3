// One session's life: what an operator asks of it, what WhatsApp does to it, and the state that follows. Connections come
// and go under it (link.ts); its row in the database follows it.
import { GatewayError, toGatewayError } from '../../src/contract/errors.ts'
import type { SessionId } from '../../src/contract/ids.ts'
import { isRevoked } from '../../src/db/auth-keys.ts'
import type { Statement } from '../../src/db/db.ts'
import { deleteSession, type SessionRow, updateSession } from '../../src/db/sessions.ts'
import { accountColumns } from './account-columns.ts'
import { forgetting, revocation } from './auth-store.ts'
import type { ClosingNotice, Ending } from './disconnect.ts'
import type { ReceivedMessage } from './incoming.ts'
import { type Identity, type Link, openLink } from './link.ts'
import { createReconnect } from './reconnect.ts'
import type { RunningSession, SessionDeps } from './running-session.ts'
import type { Cause } from './session-news.ts'
import { failure, gaveUp, lost, type StatePatch, stamped, told, unbanned } from './session-state.ts'
import { createTurns } from './turns.ts'

/** `lastActiveAt` is for people; a write for every message would be for nobody. */
const ACTIVE_EVERY_MS = 60_000

const STARTED = { desired: 'running', status: 'initializing', engineLoaded: true, lastError: null } as const

const notStarted = () => new GatewayError('session_not_started', 'Session is not started')

export function createSession(deps: SessionDeps, stored: SessionRow): RunningSession {
  const { db, queue, sealer, clock, log, random, inbound, outbound, news } = deps
  const id = stored.id as SessionId
  let row = stored
  let reconnect = createReconnect({ clock, random, config: () => row.config })
  let isRunning = false
  /** A logout is under way: the close that it brings is not a lost connection. */
  let isLeaving = false
  let isRemoved = false
  let link: Link | null = null
  let qr: string | null = null
  let readyAt: number | null = null
  /** Which attempt counts; whatever an earlier one still tells is void. */
  let attempt = 0
  const exclusive = createTurns()

  function changed(patch: StatePatch, cause: Cause): Statement[] {
    const columns = stamped(row, patch, clock.now())
    const before = row
    row = { ...row, ...columns }
    return [updateSession(db, id, columns), ...news.changed(before, row, cause)]
  }
  const note = (patch: StatePatch) => queue.put(changed(patch, 'whatsapp'))

  /** Voids the attempt under way; returns its link, for the caller to close. */
  function letGo(): Link | null {
    attempt += 1
    reconnect.cancel()
    const old = link
    link = null
    qr = null
    readyAt = null
    outbound.disconnected(id)
    return old
  }

  async function connect() {
    letGo()?.kill()
    const mine = attempt
    const isMine = () => mine === attempt
    if (row.status !== 'authenticating' && row.status !== 'initializing') note({ status: 'initializing' })
    try {
      // What the last connection wrote must be there to be read.
      await queue.settled()
      const opened = await openLink(
        { ...deps, sessionId: id, wasPaired: row.phone !== null, config: () => row.config },
        {
          qr: text => isMine() && showQr(text),
          paired: who => isMine() && onPaired(who),
          ready: who => isMine() && onReady(who),
          received: messages => isMine() && onReceived(messages),
          missed: messages => isMine() && inbound.miss(id, messages),
          changed: changes => isMine() && inbound.change(id, changes),
          status: updates => isMine() && outbound.settle(id, updates),
          restricted: restriction => isMine() && note({ restriction }),
          closed: (code, notice) => isMine() && onClosed(code, notice),
        },
      )
      if (isMine()) link = opened
      else opened.kill()
    } catch (error) {
      if (isMine()) onFailed(toGatewayError(error))
    }
  }

  function showQr(text: string) {
    qr = text
    if (row.status !== 'qr_ready') note({ status: 'qr_ready' })
    news.qr(row, text)
  }

  function onPaired(who: Identity) {
    qr = null
    note({ status: 'authenticating', ...accountColumns(who, row) })
  }

  function onReady(who: Identity) {
    const now = clock.now()
    readyAt = clock.elapsed()
    note({
      status: 'ready',
      ...accountColumns(who, row),
      ...unbanned(row),
      connectedAt: now,
      lastActiveAt: now,
      lastError: null,
    })
    if (link) outbound.connected(id, link)
  }

  function onReceived(messages: ReceivedMessage[]) {
    inbound.receive(id, messages)
    const now = clock.now()
    if (now - (row.lastActiveAt ?? 0) < ACTIVE_EVERY_MS) return
    const pushName = link?.identity()?.pushName ?? row.pushName
    note({ lastActiveAt: now, pushName })
  }

  function onClosed(code: number | undefined, notice?: ClosingNotice) {
    const isPaired = link?.identity() != null || row.phone !== null
    const heldMs = readyAt === null ? 0 : clock.elapsed() - readyAt
    letGo()
    if (isLeaving || !isRunning) return
    const verdict = reconnect.judge({ code, isPaired, heldMs, notice })
    switch (verdict.action) {
      case 'reconnect':
        return void connect()
      case 'back-off':
        note(retryLater(verdict))
        return
      case 'stop':
        isRunning = false
        // Where a person is needed, a restart of the gateway brings nothing about.
        note({
          ...told(verdict),
          engineLoaded: false,
          ...((verdict.revoked || !isPaired) && { desired: 'stopped' }),
        })
        if (verdict.revoked) queue.put([revocation(sealer, id)])
        outbound.ended(id, verdict.trouble.reason)
    }
  }

  /** Sets the timer; gives what the row says meanwhile. */
  function retryLater(ending: Ending & { floorMs?: number }): StatePatch {
    const waitMs = reconnect.later(() => void connect(), ending)
    if (waitMs !== null) {
      queue.put(news.reconnecting(row, reconnect.attempts, waitMs))
      return told(ending, clock.now() + waitMs)
    }
    isRunning = false
    return { ...told(gaveUp(ending)), engineLoaded: false }
  }

  function onFailed(error: GatewayError) {
    log.error({ err: error, sessionId: id }, 'the connection could not be made')
    if (error.code !== 'credentials_unreadable') return note(retryLater(failure(error)))
    letGo()
    isRunning = false
    note({ ...told(failure(error)), engineLoaded: false })
  }

  const forgetIdentity = () => [
    ...forgetting(db, id),
    ...changed({ phone: null, lid: null, pushName: null, connectedAt: null }, 'operator'),
  ]

  async function halt(patch: StatePatch, close: (old: Link) => unknown = old => old.end()) {
    const wasRunning = isRunning
    isRunning = false
    reconnect.cancel()
    // Not let go before it is closed: what still comes in must be stored, as its receipt may leave.
    if (link) await close(link)
    letGo()
    await queue.commit(
      changed(wasRunning ? { status: 'disconnected', engineLoaded: false, ...patch } : patch, 'operator'),
    )
  }

  return {
    get row() {
      return row
    },
    get isRunning() {
      return isRunning
    },
    get qr() {
      return qr
    },
    link() {
      if (!isRunning) throw notStarted()
      if (link === null || row.status !== 'ready')
        throw new GatewayError('session_not_ready', 'Session is not ready: it is connecting to WhatsApp')
      return link
    },
    configure: settings =>
      exclusive(async () => {
        const before = row
        await queue.commit(changed({ config: { ...row.config, ...settings } }, 'operator')).catch(error => {
          row = before
          throw error
        })
      }),
    async pairingCode(phoneNumber) {
      if (!isRunning) throw notStarted()
      if (link === null || row.status !== 'qr_ready')
        throw new GatewayError('session_not_ready', 'Session is not waiting to be linked')
      return await link.pairingCode(phoneNumber)
    },
    start: () =>
      exclusive(async () => {
        if (isRemoved) throw new GatewayError('not_found', `Session with id '${id}' not found`)
        if (isRunning) throw new GatewayError('session_already_started', 'Session is already started')
        const before = row
        const first = (await isRevoked(db, id)) ? forgetIdentity() : []
        await queue.commit([...first, ...changed(STARTED, 'operator')]).catch(error => {
          row = before
          throw error
        })
        isRunning = true
        reconnect = createReconnect({ clock, random, config: () => row.config })
        void connect()
      }),
    resume() {
      // The operator may have been quicker.
      if (isRunning || isRemoved || row.desired !== 'running') return
      isRunning = true
      // What went wrong before stays to be read until it is connected.
      note({ status: 'initializing', engineLoaded: true, lastError: row.lastError })
      void connect()
    },
    lose(why) {
      letGo()?.kill()
      isRunning = false
      // In memory alone: the stored row is its next owner's.
      row = { ...row, ...stamped(row, { ...told(lost(why)), engineLoaded: false }, clock.now()) }
    },
    refresh(stored) {
      if (!isRunning) row = stored
    },
    stop: () => exclusive(() => halt({ desired: 'stopped' })),
    logout: () =>
      exclusive(async () => {
        if (!isRunning) throw notStarted()
        if (row.phone !== null) {
          isLeaving = true
          const connected = row.status === 'ready' ? link : null
          try {
            if (connected === null)
              throw new GatewayError(
                'session_logout_incomplete',
                'There is no connection to WhatsApp, so it cannot be told. Try again when the session is ready, or unlink the device on the phone',
              )
            await connected.logout()
          } catch (error) {
            isLeaving = false
            if (connected && link === null) note(retryLater(lost('The connection ended during the logout')))
            throw error
          }
        }
        const old = letGo()
        isRunning = false
        isLeaving = false
        old?.kill()
        await queue.commit([
          ...forgetIdentity(),
          ...changed(
            { status: 'disconnected', desired: 'stopped', engineLoaded: false, lastError: null },
            'operator',
          ),
        ])
      }),
    // Not in the row of the others: it is for when one of them hangs.
    async forceKill() {
      if (!isRunning) throw notStarted()
      await halt({ desired: 'stopped' }, old => old.kill())
    },
    remove: () =>
      exclusive(async () => {
        isRunning = false
        isRemoved = true
        // Whatever the old link wrote after this would refer to a row that is gone.
        letGo()?.kill()
        await queue.commit([deleteSession(db, id)])
        news.deleted(row)
      }),
    reload(error) {
      if (!isRunning || link === null) return
      letGo()?.kill()
      // If this fails as well it is told here again, and passes: there is no link any more.
      note(retryLater(failure(error)))
    },
    close: () => exclusive(() => halt({})),
  }
}
