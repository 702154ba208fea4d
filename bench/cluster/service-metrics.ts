import { setTimeout as wait } from 'node:timers/promises'
import type { InstanceAccess } from './job.ts'
import { sum } from './statistics.ts'

export const METRICS_TOKEN = 'bench'

const LOOK_MS = 50
const DEADLINE_MS = 120_000

/** How many update streams have begun so far on an instance: by then the database has it, and the client gets updates. */
export function streamsBegun(instance: InstanceAccess): Promise<number> {
  return metric(instance, /^\w*streams_begun_total\{.*\} (\d+)$/gm)
}

/** Streams that are open on all instances together. */
export function streamsOpen(instances: readonly InstanceAccess[], kind: 'updates' | 'connectivity'): Promise<number> {
  return ofAll(instances, new RegExp(`^social_streams_open\\{kind="${kind}"\\} (\\d+)$`, 'gm'))
}

/** What all instances together have in their JavaScript heaps, in bytes; garbage that is not collected yet included. */
export function heapBytes(instances: readonly InstanceAccess[]): Promise<number> {
  return ofAll(instances, /^nodejs_heap_size_used_bytes (\d+)$/gm)
}

/** @throws Error when so many do not begin for a long time */
export async function untilBegun(instance: InstanceAccess, count: number): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS
  for (let begun = await streamsBegun(instance); begun < count; begun = await streamsBegun(instance)) {
    if (performance.now() > deadline) throw new Error(`Of ${count} streams only ${begun} have begun`)
    await wait(LOOK_MS)
  }
}

async function ofAll(instances: readonly InstanceAccess[], pattern: RegExp): Promise<number> {
  return sum(await Promise.all(instances.map(instance => metric(instance, pattern))))
}

/** The sum of all series that a pattern finds, their values in its only group. */
async function metric({ http }: InstanceAccess, pattern: RegExp): Promise<number> {
  const response = await fetch(`${http}/metrics`, { headers: { authorization: `Bearer ${METRICS_TOKEN}` } })
  if (!response.ok) throw new Error(`The metrics were answered with ${response.status}`)
  return sum([...(await response.text()).matchAll(pattern)].map(([, value]) => Number(value)))
}
