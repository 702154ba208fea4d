import { setTimeout as wait } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { createConcurrently } from '../cluster/concurrent.ts'
import { listen } from '../cluster/device.ts'
import { Meter } from '../cluster/usage.ts'
import { idleMemoryBytes } from '../load/idle-memory.ts'
import { runJob } from '../load/job-process.ts'
import { type Connected, connect } from '../load/v1.ts'
import type { PresenceCost, PresenceJob } from './job.ts'
import { HEARTBEAT_S, OtherInstances } from './others.ts'
import { member } from './population.ts'

/*
 * The process that plays the users of one instance, and all others.
 */

/** What came of opening the sockets is over then, in milliseconds. */
const SETTLE_MS = 5_000

await runJob(async (job: PresenceJob): Promise<PresenceCost> => {
  await createConcurrently(job.population.local, at => open(job, at))
  await wait(SETTLE_MS)
  const bytesBefore = await idleMemoryBytes([job.pid])
  const idle = await measured(job, seconds => wait(seconds * 1000))
  await using others = new OtherInstances(job.redisUrl, job.topic, job.population)
  await others.arrive()
  // Everybody has to have said once where they are.
  await others.live(HEARTBEAT_S + 1)
  const busy = await measured(job, seconds => others.live(seconds))
  // What is still to be collected counts: a process that is never idle has it all the time.
  const bytes = (await idleMemoryBytes([job.pid])) - bytesBefore
  const cores = busy.cores - idle.cores
  return { ...busy, cores, bytes, idleCores: idle.cores }
})

async function open({ rpcUrl }: PresenceJob, at: number): Promise<Connected> {
  const client = await connect(rpcUrl)
  await listen(client, 'updates', member(at), () => undefined)
  await listen(client, 'presence', member(at), () => undefined)
  return client
}

async function measured({ seconds, pid, redis, postmaster, redisUrl }: PresenceJob, act: (s: number) => Promise<void>) {
  const before = await sentBytes(redisUrl)
  const meter = new Meter({ instances: [pid], redis, postmaster })
  await act(seconds)
  const usage = meter.read()
  const bytesPerSecond = ((await sentBytes(redisUrl)) - before) / usage.seconds
  return { cores: usage.instances[0]!, redisCores: usage.redis, bytesPerSecond }
}

/** Bytes that Redis has sent so far. */
async function sentBytes(redisUrl: string): Promise<number> {
  const redis = new Redis(redisUrl)
  const info = await redis.info('stats')
  redis.disconnect()
  return Number(/total_net_output_bytes:(\d+)/.exec(info)?.[1])
}
