import { createHash } from 'node:crypto'
import { availableParallelism, loadavg } from 'node:os'

/** The work by which this machine is measured, and how long it takes on one that is idle, in milliseconds. */
const WORK = { data: Buffer.alloc(64 * 1024), times: 160, idleMs: 10 }
/** A measurement counts for so long, in milliseconds. */
const FRESH_MS = 5_000

let measured = { at: Number.NEGATIVE_INFINITY, pace: 1 }

/**
 * How many times longer than on an idle machine everything takes at present; 1 at least. It is the worse of two: how
 * long a piece of work takes this process, which knows of a slow or a stolen processor at once, and how many processes
 * share a core, which knows of those that work for this one.
 */
export function pace(): number {
  const now = performance.now()
  if (now - measured.at > FRESH_MS) {
    const shares = loadavg()[0]! / availableParallelism()
    measured = { at: now, pace: Math.max(1, workMs() / WORK.idleMs, shares) }
  }
  return measured.pace
}

/** How long this machine needs at present for what an idle one does in that time, in milliseconds. */
export function paced(idleMs: number): number {
  return Math.ceil(idleMs * pace())
}

function workMs(): number {
  const from = performance.now()
  const hash = createHash('sha256')
  for (let time = 0; time < WORK.times; time += 1) hash.update(WORK.data)
  hash.digest()
  return performance.now() - from
}
