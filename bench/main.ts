import { totalmem } from 'node:os'
import { createDatabase, PostgresServer } from '../test/env/postgres.ts'
import { Bench } from './bench.ts'
import { postmasterOf } from './cpu.ts'
import { growthTable, measureGrowth } from './growth.ts'
import { finish, interruption } from './interruption.ts'
import { type Options, readOptions, USAGE } from './options.ts'
import { SCENARIOS, type Scenario } from './scenarios.ts'
import { type Row, table } from './table.ts'

/*
 * Measures the service on a PostgreSQL of its own: `npm run bench`. See docs/benchmarks.md.
 */

/** Worlds that grow have a database with a quarter of the machine's memory, as its documentation recommends. */
const LARGE = [`shared_buffers=${Math.floor(totalmem() / 4 / 2 ** 20)}MB`]

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
  return finish(signal, async () => console.log(`\n${await runAll(scenarios, options, signal)}`))
}

/** @returns the table of what was measured */
async function runAll(scenarios: readonly Scenario[], options: Options, signal: AbortSignal): Promise<string> {
  await using postgres = await PostgresServer.start({ durable: true, settings: options.worlds.length > 0 ? LARGE : [] })
  const prepare = async (rows: number): Promise<Bench> => {
    const databaseUrl = await createDatabase(postgres.url)
    const bench = new Bench({ ...options, rows }, databaseUrl, await postmasterOf(databaseUrl), signal)
    await bench.prepare()
    return bench
  }
  if (options.worlds.length > 0) {
    const worlds: Bench[] = []
    for (const rows of options.worlds) worlds.push(await prepare(rows))
    return growthTable(options.worlds, await measureGrowth(worlds, scenarios, options.rounds))
  }
  const bench = await prepare(options.rows)
  const rows: Row[] = []
  for (const scenario of scenarios) rows.push(await bench.run(scenario))
  return table(rows)
}

/** @throws Error when there is no scenario of one of the names */
function chosen(names: readonly string[]): readonly Scenario[] {
  const unknown = names.filter(name => !SCENARIOS.some(scenario => scenario.name === name))
  if (unknown.length > 0) {
    throw new Error(`Unknown: ${unknown.join(', ')}. There are ${SCENARIOS.map(({ name }) => name).join(', ')}`)
  }
  return names.length === 0 ? SCENARIOS : SCENARIOS.filter(({ name }) => names.includes(name))
}
