// Named points at which a test ends the process, at once or in order, to show that nothing is lost there. Without a test they do
// nothing.
import { existsSync, readFileSync } from 'node:fs'

export const faultPoints = [
  'inbound.after-decrypt',
  'inbound.before-commit',
  'inbound.after-commit',
  'inbound.after-receipt',
  'inbound.after-hook',
  'outbound.before-commit',
  'outbound.after-commit',
  'outbound.after-write',
  'outbound.after-ack',
  'jobs.after-claim',
  'jobs.after-send',
  'credentials.save',
  'media.half-written',
  'media.stored',
  'media.after-commit',
  'media.sealed',
  'media.uploaded',
] as const
export type FaultPoint = (typeof faultPoints)[number]

/** Passed at each point. */
export type Fault = (point: FaultPoint) => void

/**
 * Dies by SIGKILL at the point that `file` names, once it names one: `point` or `point 3` for the third time from then on; with
 * `point 3 SIGTERM` it is told to end there, and goes on until it hears that. The file is written while the process runs, so that
 * it dies at a certain message and not at the first that passes.
 */
export function createFault(file: string): Fault {
  let armed = ''
  let passed = 0
  return point => {
    const text = existsSync(file) ? readFileSync(file, 'utf8').trim() : ''
    if (text !== armed) passed = 0
    armed = text
    const [name, times = '1', signal = 'SIGKILL'] = text.split(' ')
    if (name !== point) return
    passed += 1
    if (passed === Number(times)) process.kill(process.pid, signal)
  }
}
