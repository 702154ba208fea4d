import { createDatabase, PostgresServer } from '../test/env/postgres.ts'
import { Bench } from './bench.ts'
import { postmasterOf } from './cpu.ts'
import { finish, interruption } from './interruption.ts'
import { type Options, readOptions, USAGE } from './options.ts'
import { SCENARIOS, type Scenario } from './scenarios.ts'
import { type Row, table } from './table.ts'

/*
 * Measures the service on a PostgreSQL of its own: `npm run bench`. See docs/benchmarks.md.
 */

process.exitCode = await main(interruption())

async function main(signal: AbortSignal): Promise<number> {
  let options: Options
  let scenarios: readonly Scenario[]
  try {
    options = readOptions(process.argv.slice(2))
    scenarios = chosen(options.only)
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`)
    return 2
  }
  return finish(signal, async () => console.log(`\n${table(await runAll(scenarios, options, signal))}`))
}

async function runAll(scenarios: readonly Scenario[], options: Options, signal: AbortSignal): Promise<Row[]> {
  await using postgres = await PostgresServer.start({ durable: true })
  const databaseUrl = await createDatabase(postgres.url)
  const bench = new Bench(options, databaseUrl, await postmasterOf(databaseUrl), signal)
  await bench.prepare()
  const rows: Row[] = []
  for (const scenario of scenarios) rows.push(await bench.run(scenario))
  return rows
}

/** @throws Error when there is no scenario of one of the names */
function chosen(names: readonly string[]): readonly Scenario[] {
  const unknown = names.filter(name => !SCENARIOS.some(scenario => scenario.name === name))
  if (unknown.length > 0) {
    throw new Error(`Unknown: ${unknown.join(', ')}. There are ${SCENARIOS.map(({ name }) => name).join(', ')}`)
  }
  return names.length === 0 ? SCENARIOS : SCENARIOS.filter(({ name }) => names.includes(name))
}
