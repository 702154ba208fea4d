import { setTimeout as wait } from 'node:timers/promises'
import { whole } from '../../markdown.ts'
import { streamsOpen } from '../service-metrics.ts'
import { sum } from '../statistics.ts'
import type { Place } from './memory.ts'

const LOOK_MS = 200
/** Longest time for which clients are waited for, in milliseconds. */
const DEADLINE_MS = 60_000
/** Longest time until all friends are shown, in milliseconds; what is not is reported. */
const SEEN_WITHIN_MS = 30_000

/** How long the restart of one instance took, in seconds from its beginning. */
export interface Restart {
  readonly clients: number
  readonly stopped: number
  readonly ready: number
  readonly allBack: number
  /** Clients that were not back in time: then the next instance is restarted all the same. */
  readonly away: number
}

/** In good order, one after the other, as an operator does; the next when all clients are back. */
export async function restartAll(place: Place): Promise<Restart[]> {
  const restarts: Restart[] = []
  for (const [at, service] of place.instances.services.entries()) {
    const from = performance.now()
    const passed = (): number => (performance.now() - from) / 1000
    const clients = await streamsOpen([place.instances.access[at]!], 'updates')
    await service.stop()
    const stopped = passed()
    await service.startAgain()
    const ready = passed()
    const away = await untilAllAreThere(place, ['updates', 'connectivity'])
    const restart = { clients, stopped, ready, allBack: passed(), away }
    restarts.push(restart)
    console.log(`  instance ${at + 1} with ${whole(clients)} clients: ${textOf(restart)}`)
  }
  return restarts
}

type Streams = readonly ('updates' | 'connectivity')[]

/** @throws Error when not all clients are there in time */
export async function requireAll(place: Place, kinds: Streams): Promise<void> {
  const away = await untilAllAreThere(place, kinds)
  if (away > 0) throw new Error(`${away} of ${place.sockets} clients are not there`)
}

/**
 * Waits until the clients say that they are there, and the instances have as many streams.
 * @returns the number of those that are not in time
 */
async function untilAllAreThere({ crowd, instances, sockets }: Place, kinds: Streams): Promise<number> {
  const open = async (): Promise<number> => {
    if (crowd.here < sockets) return crowd.here
    return Math.min(...(await Promise.all(kinds.map(kind => streamsOpen(instances.access, kind)))))
  }
  for (const from = performance.now(); ; await wait(LOOK_MS)) {
    const away = Math.max(0, sockets - (await open()))
    if (away === 0 || performance.now() - from > DEADLINE_MS) return away
  }
}

/**
 * Waits until all friends of everybody are shown as online, but no longer than that should take.
 * @returns the number of clients to whom some are not
 */
export async function untilAllSee({ crowd }: Place): Promise<number> {
  for (const from = performance.now(); ; await wait(LOOK_MS)) {
    const unseeing = sum(await crowd.askAll('countUnseeing', () => []))
    if (unseeing === 0 || performance.now() - from > SEEN_WITHIN_MS) return unseeing
  }
}

function textOf({ stopped, ready, allBack }: Restart): string {
  return `stopped after ${stopped.toFixed(1)} s, ready after ${ready.toFixed(1)} s, all back after ${allBack.toFixed(1)} s`
}
