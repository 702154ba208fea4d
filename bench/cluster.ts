import { runAll } from './cluster/bench.ts'
import { type ClusterOptions, readOptions, USAGE } from './cluster/options.ts'
import { finish, interruption } from './interruption.ts'

/*
 * Measures several instances over a PostgreSQL and a Redis of their own: `npm run bench:cluster`. See docs/benchmarks.md.
 */

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
    for (const table of await runAll(options, signal)) console.log(`\n${table}`)
  })
}
