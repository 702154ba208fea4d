import { markdown, verdict, whole } from '../markdown.ts'
import { performBy } from '../processes.ts'
import { Instances, type Servers } from './instances.ts'
import type { ClusterOptions } from './options.ts'
import { CLIENTS } from './population.ts'
import type { Scale, ScalingJob, UpdateCpu } from './scaling-job.ts'
import { mean, percentile, sum } from './statistics.ts'

const LOAD = new URL('./scaling-load.ts', import.meta.url)

/** What an update may cost with many instances, in parts of what it costs with the fewest. */
const TARGET = { postgres: 1.1, together: 1.15, pushMs: 10 }

const CPU = 'CPU ms of an update: first instance'
const HEAD = ['instances', 'updates/s', CPU, 'others', 'PostgreSQL', 'Redis', 'together']
const COMPARED = ['PostgreSQL ×', 'together ×', 'push p50 ms', 'p99 ms', 'target']

/** How often pairs act in the world of these measurements. */
export const runsOf = ({ instances, rounds }: ClusterOptions): number => 1 + instances.length * rounds

/**
 * Does the same with different numbers of instances, each with new ones, after a first time that does not count. In every other round the most come first, so
 * that what changes while time passes (the log grows, the machine gets busy) weighs upon none more than upon another.
 * @returns a table
 */
export async function compareScales(servers: Servers, options: ClusterOptions, signal: AbortSignal): Promise<string> {
  let runs = 0
  // After a checkpoint PostgreSQL writes the whole of each page that is changed first: that is nobody's share.
  await measure({ count: options.instances[0]!, run: runs++ }, servers, options, signal)
  const scales = new Map(options.instances.map(count => [count, [] as Scale[]]))
  for (let round = 0; round < options.rounds; round++) {
    for (const count of round % 2 === 0 ? options.instances : options.instances.toReversed()) {
      const from = performance.now()
      const scale = await measure({ count, run: runs++ }, servers, options, signal)
      scales.get(count)!.push(scale)
      const seconds = ((performance.now() - from) / 1000).toFixed(1)
      console.log(`${count} instances, round ${round + 1}: ${whole(scale.rate)} updates/s, done in ${seconds} s`)
    }
  }
  const summaries = [...scales].map(([count, rounds]) => summarize(count, rounds))
  return markdown([[...HEAD, ...COMPARED], ...summaries.map(it => cellsOf(it, summaries[0]!))])
}

async function measure(
  { count, run }: { readonly count: number; readonly run: number },
  servers: Servers,
  options: ClusterOptions,
  signal: AbortSignal
): Promise<Scale> {
  const { profile, rate, scalingSeconds: seconds } = options
  await using instances = await Instances.start(count, servers, { sockets: CLIENTS, profile, name: `scaling-${count}` })
  const [first, ...others] = instances.access
  const { watched } = instances
  const job: ScalingJob = { workload: 'scaling', run, seconds, rate, instances: [first!, ...others], watched }
  // The instances are there until it is done.
  return await performBy<Scale>(LOAD, job, signal)
}

/** All rounds with one number of instances. */
interface Summary {
  readonly count: number
  readonly rate: number
  readonly cpu: UpdateCpu
  readonly together: number
  readonly p50: number
  readonly p99: number
}

function summarize(count: number, rounds: readonly Scale[]): Summary {
  const part = (name: keyof UpdateCpu): number => mean(rounds.map(({ cpu }) => cpu[name]))
  const cpu = { first: part('first'), others: part('others'), postgres: part('postgres'), redis: part('redis') }
  const pushes = rounds.flatMap(it => it.pushes)
  return {
    count,
    rate: mean(rounds.map(({ rate }) => rate)),
    cpu,
    together: sum(Object.values(cpu)),
    p50: percentile(pushes, 0.5),
    p99: percentile(pushes, 0.99)
  }
}

function cellsOf({ count, rate, cpu, together, p50, p99 }: Summary, least: Summary): string[] {
  const postgresRatio = cpu.postgres / least.cpu.postgres
  const ratio = together / least.together
  const targets = [
    verdict(postgresRatio <= TARGET.postgres, `PostgreSQL ≤ ${TARGET.postgres} ×`),
    verdict(ratio <= TARGET.together, `together ≤ ${TARGET.together} ×`),
    verdict(p99 <= TARGET.pushMs, `p99 ≤ ${TARGET.pushMs} ms`)
  ]
  const times = [cpu.first, cpu.others, cpu.postgres, cpu.redis, together].map(ms => ms.toFixed(3))
  const ratios = [postgresRatio, ratio].map(value => value.toFixed(2))
  return [String(count), whole(rate), ...times, ...ratios, p50.toFixed(1), p99.toFixed(1), targets.join(', ')]
}
