// A child process for a test: started, waited for by a line that it prints, ended for certain.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

/** A child that has said nothing in this time will say nothing. */
const START_MS = 20_000

export interface Child extends AsyncDisposable {
  /** The first group of the pattern that was waited for. */
  readonly found: string
  /** All that it printed. */
  output(): string
}

/** Starts it and waits for a line; the third descriptor of the child is a pipe that is read as well. */
export async function startChild(options: {
  command: string
  args: readonly string[]
  env?: Record<string, string>
  cwd?: string
  until: RegExp
}): Promise<Child> {
  const child: ChildProcess = spawn(options.command, options.args, {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH ?? '', ...options.env },
    ...(options.cwd !== undefined && { cwd: options.cwd }),
  })
  let output = ''
  const found = await new Promise<string>((resolve, reject) => {
    const fail = (why: string) => {
      clearTimeout(timer)
      child.kill('SIGKILL')
      reject(new Error(`${options.command} ${why}:\n${output}`))
    }
    const timer = setTimeout(() => fail('said nothing in time'), START_MS)
    child.once('error', error => fail(error.message))
    child.once('exit', code => fail(`ended with ${code}`))
    for (const stream of [child.stdout, child.stderr, child.stdio[3]])
      stream?.on('data', chunk => {
        output += chunk
        const match = options.until.exec(output)
        if (match === null) return
        clearTimeout(timer)
        child.removeAllListeners('exit')
        resolve(match[1] ?? '')
      })
  })
  return {
    found,
    output: () => output,
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    },
  }
}
