import { setTimeout as wait } from 'node:timers/promises'
import { residentBytes } from '../cpu.ts'

/** Memory is looked at so many times, so far apart in milliseconds: what is garbage goes when nothing else is done. */
const LOOKS = 15
const LOOK_MS = 1_000

/** Memory that processes which have nothing to do have in RAM, together, in bytes. */
export async function idleMemoryBytes(pids: readonly number[]): Promise<number> {
  const least = pids.map(residentBytes)
  for (let look = 0; look < LOOKS; look++) {
    await wait(LOOK_MS)
    for (const [at, pid] of pids.entries()) least[at] = Math.min(least[at]!, residentBytes(pid))
  }
  return least.reduce((sum, bytes) => sum + bytes, 0)
}
