import { setTimeout as wait } from 'node:timers/promises'
import { cpuTimes, type Watched } from '../cpu.ts'
import type { Measurement } from '../job.ts'

/** Does one operation. @returns how long it took in milliseconds, or null when there is nothing left to do */
export type Lane = () => Promise<number | null>

/** What the code of the server runs often it compiles anew, so that a warm-up is a matter of time and of operations. */
const WARM_UP = { seconds: 2, operations: 3_000, atMostSeconds: 15 }
/** More than any lanes of ours do in a second what has to be signed beforehand. */
const STOCK_PER_SECOND = 1_500
/** After so long without an answer, in milliseconds, none is waited for any more. */
const STALL_MS = 10_000

/** A lane whose operations take as long as they run. */
export function timed(operation: () => Promise<unknown>): Lane {
  return async () => {
    const from = performance.now()
    await operation()
    return performance.now() - from
  }
}

/** Runs all lanes side by side, each one operation after the other: first to warm up, then to measure. */
export async function measure(lanes: readonly Lane[], seconds: number, watched: Watched): Promise<Measurement> {
  await run(lanes, WARM_UP)
  return observe(lanes, seconds, watched)
}

/** As {@link measure}, without a warm-up. Lanes that have nothing left to do end it before its time. */
export async function observe(lanes: readonly Lane[], seconds: number, watched: Watched): Promise<Measurement> {
  const before = cpuTimes(watched)
  const from = performance.now()
  const durations = await run(lanes, { seconds })
  const elapsed = performance.now() - from
  const after = cpuTimes(watched)

  const operations = durations.length
  durations.sort((a, b) => a - b)
  const percentile = (part: number): number => durations[Math.floor(operations * part)] ?? Number.NaN
  return {
    rate: (operations * 1000) / elapsed,
    p50: percentile(0.5),
    p99: percentile(0.99),
    cpu: {
      server: (after.server - before.server) / operations,
      postgres: (after.postgres - before.postgres) / operations,
      load: (after.load - before.load) / operations
    }
  }
}

interface Span {
  readonly seconds: number
  /** Before so many, it is not over before `atMostSeconds`. */
  readonly operations?: number
  readonly atMostSeconds?: number
}

/** @throws Error when no operation ends for a long time */
async function run(lanes: readonly Lane[], span: Span): Promise<number[]> {
  const { seconds, operations = 0, atMostSeconds = seconds } = span
  const from = performance.now()
  const durations: number[] = []
  const runLane = async (lane: Lane): Promise<void> => {
    for (let passed = 0; passed < (durations.length < operations ? atMostSeconds : seconds); ) {
      const duration = await lane()
      if (duration === null) return
      durations.push(duration)
      passed = (performance.now() - from) / 1000
    }
  }
  const over = new AbortController()
  try {
    await Promise.race([Promise.all(lanes.map(runLane)), stall(durations, over.signal)])
  } finally {
    over.abort()
  }
  return durations
}

async function stall(durations: readonly number[], signal: AbortSignal): Promise<never> {
  for (let before = -1; before < durations.length; await wait(STALL_MS, undefined, { signal }))
    before = durations.length
  throw new Error(`Nothing was answered any more after ${durations.length} operations`)
}

/** Makes one lane for each connection. */
export function lanes(connections: number, make: (lane: number) => Promise<Lane>): Promise<Lane[]> {
  return Promise.all(Array.from({ length: connections }, (_, lane) => make(lane)))
}

/** Goes around its items for ever. */
export function cycle<Item>(items: readonly Item[]): () => Item {
  let at = 0
  return () => items[at++ % items.length]!
}

/** What is to be made before a measurement, so that there is enough of it. */
export function stock<Item>(seconds: number, make: (at: number) => Item): Item[] {
  return Array.from({ length: STOCK_PER_SECOND * (WARM_UP.seconds + seconds) }, (_, at) => make(at))
}
