import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Files that take a minute or more. They begin first: one that began last would run alone, with a core idle beside it. */
const long = ['test/faults/random', 'test/attacks/process', 'test/attacks/isolate', 'test/faults/two-engines']

class LongOnesFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const rank = ({ moduleId }: TestSpecification) => {
      const at = long.findIndex(name => moduleId.includes(name))
      return at === -1 ? long.length : at
    }
    return sorted.sort((a, b) => rank(a) - rank(b))
  }
}

export default defineConfig({
  test: {
    include: ['{src,engine-node,plugins,scripts}/**/*.test.ts', 'test/**/*.test.ts'],
    // Two workers on a two-core machine; the tests start servers and children of their own.
    maxWorkers: 2,
    sequence: { sequencer: LongOnesFirst },
    testTimeout: 20_000,
    hookTimeout: 60_000,
    execArgv: ['--disable-warning=ExperimentalWarning'],
  },
})
