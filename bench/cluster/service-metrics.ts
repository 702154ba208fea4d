import { setTimeout as wait } from 'node:timers/promises'
import type { InstanceAccess } from './job.ts'

export const METRICS_TOKEN = 'bench'

const LOOK_MS = 50
const DEADLINE_MS = 120_000

/** How many update streams have begun so far on an instance: by then the database has it, and the client gets updates. */
export async function streamsBegun({ http }: InstanceAccess): Promise<number> {
  const response = await fetch(`${http}/metrics`, { headers: { authorization: `Bearer ${METRICS_TOKEN}` } })
  if (!response.ok) throw new Error(`The metrics were answered with ${response.status}`)
  const counts = (await response.text()).matchAll(/^\w*streams_begun_total\{.*\} (\d+)$/gm)
  return [...counts].reduce((total, [, count]) => total + Number(count), 0)
}

/** @throws Error when so many do not begin for a long time */
export async function untilBegun(instance: InstanceAccess, count: number): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS
  for (let begun = await streamsBegun(instance); begun < count; begun = await streamsBegun(instance)) {
    if (performance.now() > deadline) throw new Error(`Of ${count} streams only ${begun} have begun`)
    await wait(LOOK_MS)
  }
}
