// The parts of sending later, put together: scheduled sends, bulk sends, automatic answers, and what works them off.
import { pruneBatches } from '../../src/db/batches.ts'
import type { Db } from '../../src/db/db.ts'
import { pruneJobs } from '../../src/db/jobs.ts'
import type { Clock } from '../clock.ts'
import type { Fault } from '../fault.ts'
import type { Logger } from '../log.ts'
import type { EventLog } from '../outbox/event-log.ts'
import type { HookRunner } from '../pipeline/message-news.ts'
import type { WriteQueue } from '../store/write-queue.ts'
import { createAutoReply } from './auto-reply.ts'
import { type AutomationRules, createAutomationRules } from './automation-rules.ts'
import { type Batches, createBatches } from './batches.ts'
import { createJobRunner, type SendJob } from './job-runner.ts'
import { createSchedule, type Schedule } from './schedule.ts'

/** For how long what became of a job can be looked up. */
const KEPT_MS = 30 * 24 * 60 * 60_000
const PRUNE_EVERY_MS = 60 * 60_000

export interface Jobs extends AsyncDisposable {
  handlers: Schedule & Batches & AutomationRules['handlers']
  /** The hook chain with automatic answers behind the plugins, for the pipeline and the news of sessions. */
  behind(chain: HookRunner): HookRunner
  /** Reads the rules. To be awaited before the first message is told of. */
  load(): Promise<void>
  /** Takes up what was left. */
  start(): void
  /** Resolves when nothing is under way and nothing is due that could go. */
  idle(): Promise<void>
}

export function createJobs(deps: {
  db: Db
  queue: Pick<WriteQueue, 'put' | 'commit'>
  clock: Clock
  log: Logger
  random(): number
  /** A UUID; those of later calls sort behind. */
  newId(): string
  isReady(sessionId: string): Promise<boolean>
  send: SendJob
  record: EventLog['record']
  mayAnswer(sessionId: string, chatId: string): boolean
  maxOpenBatches: number
  maxRulesPerSession: number
  fault?: Fault | undefined
}): Jobs {
  const { queue, clock, log } = deps
  const parts = { ...deps, writer: queue, now: clock.now, onNew: () => runner.wake() }
  const runner = createJobRunner({
    ...parts,
    onError: err => log.error({ err }, 'a send to come could not be worked off'),
  })
  const rules = createAutomationRules({ ...parts, maxPerSession: deps.maxRulesPerSession })
  const autoReply = createAutoReply({ ...parts, rules })
  const handlers: Jobs['handlers'] = {
    ...createSchedule(parts),
    ...createBatches({ ...parts, maxOpen: deps.maxOpenBatches }),
    ...rules.handlers,
  }
  let cancelPrune = () => {}

  function prune() {
    const before = clock.now() - KEPT_MS
    queue.put([pruneBatches(before), pruneJobs(before)])
    cancelPrune = clock.after(PRUNE_EVERY_MS, prune)
  }

  return {
    handlers,
    behind(chain) {
      const answering = autoReply.behind(chain)
      return {
        order: answering.order,
        async run(event, data, origin) {
          // What has waited for the session need not wait for the next look.
          if (event === 'session:ready') runner.wake()
          return await answering.run(event, data, origin)
        },
      }
    },
    load: rules.load,
    start() {
      prune()
      runner.wake()
    },
    idle: runner.idle,
    async [Symbol.asyncDispose]() {
      cancelPrune()
      await runner[Symbol.asyncDispose]()
    },
  }
}
