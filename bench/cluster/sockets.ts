import { idleMemoryBytes } from '../load/idle-memory.ts'
import { type Connected, connect } from '../load/v1.ts'
import { verdict } from '../markdown.ts'
import type { User } from '../users.ts'
import { createConcurrently } from './concurrent.ts'
import { listen } from './device.ts'
import type { ClusterJob, Line } from './job.ts'
import { member } from './population.ts'

/** Sockets that are opened and closed first, so that what an instance needs once for all is not counted. */
const WARM_UP = 2_000
const TARGET_BYTES = 16_384

/** For an update that should not come. */
const unexpected = (): never => {
  throw new Error('An update of something that nobody did')
}

/** Memory for each socket of clients that listen to their updates. */
export async function updateSockets(job: ClusterJob): Promise<Line[]> {
  const { line } = await openSockets(job, 'memory of a socket that is subscribed to updates', async (client, user) =>
    listen(client, 'updates', user, unexpected)
  )
  return [line]
}

/**
 * Opens a socket for each client, every other one at the same instance, and measures what the instances need for each.
 * @param subscribe what a client does once it is connected
 */
export async function openSockets(
  { clients: count, instances }: ClusterJob,
  work: string,
  subscribe: (client: Connected, user: User, at: number) => Promise<void>
): Promise<{ line: Line; clients: Connected[] }> {
  const pids = instances.map(({ pid }) => pid)
  const open = async (at: number): Promise<Connected> => {
    const client = await connect(instances[at % 2]!.rpc)
    await subscribe(client, member(at), at)
    return client
  }
  const warmUp = await createConcurrently(Math.min(WARM_UP, count), open)
  for (const { socket } of warmUp) socket.end()
  const before = await idleMemoryBytes(pids)
  const clients = await createConcurrently(count, open)
  const after = await idleMemoryBytes(pids)
  for (const { socket } of clients) if (socket.failure) throw socket.failure

  const bytes = (after - before) / count
  const kilobytes = (value: number): string => `${(value / 1024).toFixed(1)} KB`
  const target = verdict(bytes <= TARGET_BYTES, `≤ ${kilobytes(TARGET_BYTES)}`)
  return { line: { work, measured: kilobytes(bytes), target }, clients }
}
