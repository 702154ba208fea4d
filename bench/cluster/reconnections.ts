import { setTimeout as wait } from 'node:timers/promises'
import { verdict, whole } from '../markdown.ts'
import { Bottleneck } from './bottleneck.ts'
import { createConcurrently } from './concurrent.ts'
import type { ClusterJob, Line } from './job.ts'
import { member } from './population.ts'
import { ReconnectingClient } from './reconnecting-client.ts'
import { streamsBegun, untilBegun } from './service-metrics.ts'
import { percentile, sum } from './statistics.ts'
import { Meter, type Usage } from './usage.ts'

/** With tokens, and with logins: a signature and a session more. */
const TARGET_S = { tokens: 20, logins: 8 }
const WORK = { tokens: 'connect and subscribe with their tokens', logins: 'log in, connect and subscribe' }
/** Longest time for which the last client is waited for. */
const DEADLINE_MS = 60_000
const LOOK_MS = 20

/** Half of the clients are on an instance that dies, and come to the other one with the tokens that they have. */
export async function reconnectWithTokens(job: ClusterJob): Promise<Line[]> {
  const [, dying] = await arrive(job)
  return reconnectAll(job, 'tokens', dying, [])
}

/** The same, and all clients, also those of the instance that is left, start anew: log in, connect and subscribe. */
export async function reconnectWithLogins(job: ClusterJob): Promise<Line[]> {
  const [staying, dying] = await arrive(job)
  const all = [...staying, ...dying]
  for (const client of all) client.sign()
  return reconnectAll(job, 'logins', all, staying)
}

/** Half of the clients at each instance. */
async function arrive({
  instances,
  clients: count
}: ClusterJob): Promise<[ReconnectingClient[], ReconnectingClient[]]> {
  const [survivor] = instances
  const clients = await createConcurrently(count, async at => {
    const client = new ReconnectingClient(member(at), survivor)
    await client.arrive(instances[at % 2]!)
    return client
  })
  const sides = [0, 1].map(side => clients.filter((_, at) => at % 2 === side))
  await Promise.all(sides.map((side, at) => untilBegun(instances[at]!, side.length)))
  return [sides[0]!, sides[1]!]
}

/**
 * Kills the second instance.
 * @param returning clients that then come to the first one
 * @param restarting those of them that were on it before
 */
async function reconnectAll(
  { instances: [survivor, victim], watched }: ClusterJob,
  by: keyof typeof TARGET_S,
  returning: readonly ReconnectingClient[],
  restarting: readonly ReconnectingClient[]
): Promise<Line[]> {
  const begunBefore = await streamsBegun(survivor)
  const meter = new Meter({ ...watched, instances: [survivor.pid] })
  const bottleneck = new Bottleneck(survivor.pid)
  const from = performance.now()
  process.kill(victim.pid, 'SIGKILL')
  for (const client of restarting) client.restart()
  await untilReconnected(returning)
  await untilBegun(survivor, begunBefore + returning.length)
  await untilReconnected(returning)
  const usage = meter.read()
  const bound = bottleneck.read()
  return [
    {
      work: `${whole(returning.length)} clients of two instances, one of which was killed, ${WORK[by]} at the other instance`,
      measured: `all within ${usage.seconds.toFixed(1)} s`,
      target: verdict(usage.seconds <= TARGET_S[by], `≤ ${TARGET_S[by]} s`),
      usage
    },
    { work: 'what bounds it', measured: bound },
    { work: 'where that time went', measured: [...steps(returning, from), ...shares(usage)].join('; ') },
    { work: 'attempts that failed and were repeated', measured: failures(returning) }
  ]
}

async function untilReconnected(clients: readonly ReconnectingClient[]): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS
  for (let away = clients.length; away > 0; ) {
    await wait(LOOK_MS)
    away = clients.filter(({ reconnection }) => reconnection === null).length
    if (away > 0 && performance.now() > deadline)
      throw new Error(`${away} clients have not come back: ${failures(clients)}`)
  }
}

/** When half of the clients, and the last of them, had done each step. */
function steps(clients: readonly ReconnectingClient[], from: number): string[] {
  const names = { loggedInAt: 'logged in', connectedAt: 'connected', acceptedAt: 'subscription accepted' } as const
  return Object.entries(names).map(([step, name]) => {
    const times = clients.map(({ reconnection }) => (reconnection![step as keyof typeof names] - from) / 1000)
    return `${name}: half after ${percentile(times, 0.5).toFixed(1)} s, all after ${percentile(times, 1).toFixed(1)} s`
  })
}

/** CPU time in seconds. */
function shares({ seconds, instances, postgres, redis, load }: Usage): string[] {
  const parts = { service: sum(instances), PostgreSQL: postgres, Redis: redis, load }
  const texts = Object.entries(parts).map(([name, cores]) => `${name} ${(cores * seconds).toFixed(1)} s`)
  return [`CPU: ${texts.join(', ')}`]
}

/** How many, and of what kinds. */
function failures(clients: readonly ReconnectingClient[]): string {
  const kinds = new Map<string, number>()
  for (const failure of clients.flatMap(client => client.failures)) kinds.set(failure, (kinds.get(failure) ?? 0) + 1)
  const texts = [...kinds].sort(([, a], [, b]) => b - a).map(([kind, count]) => `${whole(count)} × ${kind}`)
  return texts.slice(0, 3).join('; ') || 'none'
}
