import { defineConfig } from 'vitest/config'
import { ClosingLine } from './test/env/closing-line.ts'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    environment: 'node',
    pool: 'forks',
    // Tests start servers of their own: more files at a time than this would only wait for each other.
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 240_000,
    globalSetup: ['test/env/global-setup.ts', 'test/env/synapse/global-setup.ts'],
    reporters: ['default', new ClosingLine()]
  }
})
