import type { Job, Measurement } from '../job.ts'
import { listener } from '../world.ts'
import { idleMemoryBytes } from './idle-memory.ts'
import { lanes, observe } from './lane.ts'
import type { RpcSocket } from './rpc-socket.ts'
import { subscribe } from './v1.ts'

/** Sockets that are opened and closed first, so that what the server needs once for all is not counted. */
const WARM_UP = 1_000

/** Opens subscribed sockets and holds them. What is measured is the memory of the server for each. */
export async function idleSockets(job: Job): Promise<Measurement> {
  const { server } = job.watched
  const warmUp = await open(job, Math.min(WARM_UP, job.size.sockets))
  for (const socket of warmUp.sockets) socket.end()
  const before = await idleMemoryBytes([server])
  const { sockets, measurement } = await open(job, job.size.sockets)
  const after = await idleMemoryBytes([server])
  for (const { failure } of sockets) if (failure) throw failure
  return { ...measurement, bytesPerSocket: (after - before) / job.size.sockets }
}

async function open({ urls, size, watched }: Job, count: number) {
  const sockets: RpcSocket[] = []
  let asked = 0
  const all = await lanes(size.connections, async () => async () => {
    if (asked === count) return null
    const from = performance.now()
    sockets.push(await subscribe(urls.rpc, listener(asked++)))
    return performance.now() - from
  })
  return { sockets, measurement: await observe(all, Number.POSITIVE_INFINITY, watched) }
}
