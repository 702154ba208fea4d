import { runAll } from './cluster/bench.ts'
import type { Line } from './cluster/job.ts'
import { type ClusterOptions, readOptions, USAGE } from './cluster/options.ts'
import { finish, interruption } from './interruption.ts'
import { markdown } from './markdown.ts'

/*
 * Measures two instances over a PostgreSQL and a Redis of their own: `npm run bench:cluster`. See docs/benchmarks.md.
 */

const HEAD = ['work', 'measured', 'target', 'cores: instances', 'PostgreSQL', 'Redis', 'load']

process.exitCode = await main(interruption())

async function main(signal: AbortSignal): Promise<number> {
  let options: ClusterOptions
  try {
    options = readOptions(process.argv.slice(2))
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`)
    return 2
  }
  return finish(signal, async () => {
    const lines = await runAll(options, signal)
    console.log(`\n${markdown([HEAD, ...lines.map(cellsOf)])}`)
  })
}

function cellsOf({ work, measured, target = '', usage }: Line): string[] {
  if (!usage) return [work, measured, target, '', '', '', '']
  const parts = [usage.postgres, usage.redis, usage.load].map(cores => cores.toFixed(2))
  return [work, measured, target, usage.instances.map(cores => cores.toFixed(2)).join(' + '), ...parts]
}
