import { setTimeout as wait } from 'node:timers/promises'
import { cpuTimes, type Watched } from '../cpu.ts'
import type { Measurement } from '../job.ts'

/** Does one operation. @returns how long it took in milliseconds, or null when there is nothing left to do */
export type Lane = () => Promise<number | null>

const WARM_UP_SECONDS = 2
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
  await runFor(WARM_UP_SECONDS, lanes)
  return observe(lanes, seconds, watched)
}

/** As {@link measure}, without a warm-up. Lanes that have nothing left to do end it before its time. */
export async function observe(lanes: readonly Lane[], seconds: number, watched: Watched): Promise<Measurement> {
  const before = cpuTimes(watched)
  const from = performance.now()
  const durations = await runFor(seconds, lanes)
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

/** @throws Error when no operation ends for a long time */
async function runFor(seconds: number, lanes: readonly Lane[]): Promise<number[]> {
  const end = performance.now() + seconds * 1000
  const durations: number[] = []
  const run = async (lane: Lane): Promise<void> => {
    while (performance.now() < end) {
      const duration = await lane()
      if (duration === null) return
      durations.push(duration)
    }
  }
  const over = new AbortController()
  try {
    await Promise.race([Promise.all(lanes.map(run)), stall(durations, over.signal)])
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
