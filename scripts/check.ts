// `npm test`: types, lint, then every test, and one closing line that counts them. In CI a skipped test is a failed run.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const reports = mkdtempSync(join(tmpdir(), 'wharf-check-'))
const report = join(reports, 'tests.json')
const only = process.argv.slice(2)

/** Far above what all of it takes: a test that hangs must not hold up CI until somebody else ends it. */
const STEP_TIMEOUT_MS = 40 * 60_000

/** Each step by the name that a failure is reported under; with file names given, the tests alone. */
const steps: readonly { name: string; program: string; args: string[] }[] = [
  { name: 'types of src, which knows no Node', program: 'tsc', args: ['-p', 'src/tsconfig.json'] },
  { name: 'types', program: 'tsc', args: ['-p', 'tsconfig.json'] },
  { name: 'lint', program: 'biome', args: ['check', '--error-on-warnings', '.'] },
  {
    name: 'tests',
    program: 'vitest',
    args: ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...only],
  },
]

function run(): number {
  for (const { name, program, args } of only.length > 0 ? steps.slice(-1) : steps) {
    const { status, error } = spawnSync(join(root, 'node_modules/.bin', program), args, {
      cwd: root,
      stdio: 'inherit',
      timeout: STEP_TIMEOUT_MS,
    })
    if (error || (status !== 0 && name !== 'tests')) {
      console.error(`\n${name}: failed${error ? `: ${error.message}` : ''}`)
      return status ?? 1
    }
  }
  const { numPassedTests, numFailedTests, numPendingTests, success } = JSON.parse(
    readFileSync(report, 'utf8'),
  )
  const skippedInCi = process.env.CI !== undefined && numPendingTests > 0
  if (skippedInCi)
    console.error('\nTests were skipped, which in CI is a failure: something they need is missing.')
  console.log(
    `\n${numPassedTests} passed, ${numFailedTests} failed${numPendingTests ? `, ${numPendingTests} skipped` : ''}`,
  )
  return success && !skippedInCi && numPassedTests > 0 ? 0 : 1
}

try {
  process.exitCode = run()
} finally {
  rmSync(reports, { recursive: true, force: true })
}
