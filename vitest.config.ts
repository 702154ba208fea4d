import { defineConfig } from 'vitest/config'
import { ClosingLine } from './test/env/closing-line.ts'
import { LongestFirst } from './test/env/longest-first.ts'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    environment: 'node',
    pool: 'forks',
    // Tests start servers of their own, and wait for them half of the time: more than this would only wait for each other.
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
    setupFiles: ['test/env/setup.ts'],
    globalSetup: ['test/env/global-setup.ts', 'test/env/synapse/global-setup.ts'],
    reporters: ['default', new ClosingLine()]
  }
})
