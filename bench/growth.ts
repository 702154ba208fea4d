import type { Bench } from './bench.ts'
import type { Measurement } from './job.ts'
import { markdown, verdict, whole } from './markdown.ts'
import type { Scenario } from './scenarios.ts'

/** What one scenario took in each of the worlds, the smallest one first. */
export interface GrowthRow {
  readonly title: string
  readonly costs: readonly Cost[]
}

/** The least of all rounds, in milliseconds: what else the machine does can only add to it. */
interface Cost {
  readonly cpu: number
  readonly p99: number
}

/** How many times as much as in the smallest world a larger one may take. */
const MAX_CPU = 1.3
const MAX_P99 = 1.5
/** Memory of a socket has nothing to do with how many friendships there are, and takes long to measure. */
const LEFT_OUT = ['sockets']

/** Measures each scenario in all worlds, the smallest first: one after the other and around again, so that all have the same hour of the machine. */
export async function measureGrowth(
  worlds: readonly Bench[],
  scenarios: readonly Scenario[],
  rounds: number
): Promise<GrowthRow[]> {
  const rows: GrowthRow[] = []
  for (const { ceiling: _, ...scenario } of scenarios.filter(({ name }) => !LEFT_OUT.includes(name))) {
    const costs = worlds.map((): Cost => ({ cpu: Number.POSITIVE_INFINITY, p99: Number.POSITIVE_INFINITY }))
    for (let round = 0; round < rounds; round++) {
      for (const [at, bench] of worlds.entries()) {
        costs[at] = leastOf(costs[at]!, (await bench.run(scenario, round)).measured)
      }
    }
    rows.push({ title: scenario.title, costs })
  }
  return rows
}

const leastOf = ({ cpu, p99 }: Cost, measured: Measurement): Cost => ({
  cpu: Math.min(cpu, measured.cpu.server + measured.cpu.postgres),
  p99: Math.min(p99, measured.p99)
})

/** For each row its CPU and p99 in each world, and how many times those of the smallest world they are. */
export function growthTable(sizes: readonly number[], rows: readonly GrowthRow[]): string {
  const head = ['work', ...sizes.map(size => `CPU ms: ${whole(size)}`), 'times', ...sizes.map(whole), 'times', 'target']
  head[sizes.length + 2] = `p99 ms: ${head[sizes.length + 2]}`
  return markdown([head, ...rows.map(cellsOf)])
}

function cellsOf({ title, costs }: GrowthRow): string[] {
  const kinds = [
    { values: costs.map(({ cpu }) => cpu), max: MAX_CPU, name: 'CPU' },
    { values: costs.map(({ p99 }) => p99), max: MAX_P99, name: 'p99' }
  ]
  const cells = kinds.flatMap(({ values }) => [...values.map(value => value.toFixed(2)), worst(values).toFixed(2)])
  return [
    title,
    ...cells,
    kinds.map(({ values, max, name }) => verdict(worst(values) <= max, `${name} ≤ ${max}`)).join(', ')
  ]
}

/** The most that a larger world takes, by what the smallest takes. */
const worst = ([smallest = Number.NaN, ...larger]: readonly number[]): number =>
  Math.max(...larger.map(value => value / smallest))
