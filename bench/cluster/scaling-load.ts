import { runJob } from '../load/job-process.ts'
import { observe } from '../load/lane.ts'
import { updateLanes } from '../load/v1.ts'
import { CLIENTS } from './population.ts'
import { afterAnswer, openPairs, pace } from './pushes.ts'
import type { Scale, ScalingJob } from './scaling-job.ts'
import { sum } from './statistics.ts'
import { Meter } from './usage.ts'

/*
 * The process that raises the load upon one of several instances, and looks what it costs all of them.
 */

/** What the code of the service runs often it compiles anew. */
const WARM_UP_SECONDS = 4

await runJob(async (job: ScalingJob): Promise<Scale> => ({ ...(await updates(job)), pushes: await pushes(job) }))

/** A closed loop upon the first instance: each client waits for its answer. Nobody is connected to any other one. */
async function updates({ run, instances: [first], seconds, watched }: ScalingJob): Promise<Omit<Scale, 'pushes'>> {
  const lanes = await updateLanes(first.rpc, CLIENTS, run * CLIENTS)
  const server = { server: first.pid, postmaster: watched.postmaster }
  await observe(lanes, WARM_UP_SECONDS, server)
  const meter = new Meter(watched)
  const { rate } = await observe(lanes, seconds, server)
  const { instances, postgres, redis } = meter.read()
  const [own = 0, ...others] = instances
  const ofOne = (cores: number): number => (cores * 1000) / rate
  return {
    rate,
    cpu: { first: ofOne(own), others: ofOne(sum(others)), postgres: ofOne(postgres), redis: ofOne(redis) }
  }
}

/** From the first instance to the last, which is the same where there is only one. */
async function pushes({ run, instances, seconds, rate }: ScalingJob): Promise<number[]> {
  const pairs = await openPairs(instances[0], instances.at(-1)!, run)
  await pace(pairs, rate, WARM_UP_SECONDS)
  return afterAnswer(await pace(pairs, rate, seconds))
}
