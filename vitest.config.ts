import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['{src,engine-node,plugins,scripts}/**/*.test.ts', 'test/**/*.test.ts'],
    // Two workers on a two-core machine; the tests start servers and children of their own.
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    execArgv: ['--disable-warning=ExperimentalWarning'],
  },
})
