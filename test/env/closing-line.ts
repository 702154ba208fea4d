import type { Reporter, SerializedError, TestModule } from 'vitest/node'
import { missingServers } from './missing-servers.ts'
import { missingForRust } from './rust-client.ts'

/** Ends a run with one line of figures, and before it says aloud what was skipped for want of a server. */
export class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const count = { passed: 0, failed: unhandledErrors.length, skipped: 0, pending: 0 }
    for (const module of modules) {
      // A file that could not be loaded, or a hook that failed, counts as a failed test.
      count.failed += module.errors().length
      for (const suite of module.children.allSuites()) count.failed += suite.errors().length
      for (const test of module.children.allTests()) count[test.result().state]++
    }
    const missing = [...missingServers(), ...missingForRust()]
    if (missing.length > 0) process.stdout.write(banner(missing))
    process.stdout.write(`\n${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped\n`)
  }
}

function banner(missing: readonly string[]): string {
  const lines = [
    `TESTS WERE SKIPPED: ${missing.join(' and ')} could not be found.`,
    `To run them: sudo apt-get install ${missing.join(' ')}`
  ]
  const rule = '!'.repeat(Math.max(...lines.map(line => line.length)) + 4)
  return `\n${[rule, ...lines.map(line => `! ${line}`), rule].join('\n')}\n`
}
