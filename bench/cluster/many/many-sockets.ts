import { Instances, type Servers } from '../instances.ts'
import type { ClusterOptions } from '../options.ts'
import { CrowdProcesses } from './crowd-processes.ts'
import { memoryOf } from './memory.ts'
import { Phases } from './phases.ts'
import { failureText, GRACE_MS, type Measured, tableOf } from './report.ts'
import { requireAll, restartAll, untilAllSee } from './restarts.ts'

/** Sockets of each process of clients that are opened and ended first: what an instance needs once is not counted. */
const WARM_UP = 1_000
const UPDATES = { warmUp: 3_000, measured: 10_000 }
/** Updates go on at this part of the rate while instances are restarted. */
const BACKGROUND_PART = 0.2
/** As the service comes. */
const SETTINGS = { PRESENCE_GRACE: '5s', SHUTDOWN_GRACE: '20s' }
/** An instance may have 20,000 files open, and clients are not spread evenly while another one is away. */
const MOST_SOCKETS = 18_500

/**
 * Many clients over many instances, all of which are restarted one after the other.
 * @param servers with the circle of the clients in the database
 * @returns a table
 */
export async function manySockets(servers: Servers, options: ClusterOptions, signal: AbortSignal): Promise<string> {
  const { sockets, friends, profile, rate } = options
  using crowd = new CrowdProcesses(sockets, signal)
  const start = { sockets: MOST_SOCKETS, settings: SETTINGS, profile, name: 'many-sockets' }
  await using instances = await Instances.start(options.instances.at(-1)!, servers, start)
  const phases = new Phases({
    servers,
    instances: () => instances.services.map(({ pid }) => pid),
    crowd
  })
  await phases.run('users and signatures', () => crowd.prepare(sockets, friends, instances.access))
  await phases.run('warm-up', () => crowd.askAll('warmUp', () => [WARM_UP]))

  const place = { instances, crowd, servers, sockets }
  const empty = await memoryOf(place)
  const connect = await phases.run('connect', async () => {
    await crowd.askAll('connect', () => [])
    await requireAll(place, ['updates'])
  })
  const withUpdates = await memoryOf(place)
  const watch = await phases.run('watch friends', async () => {
    await crowd.askAll('watchFriends', () => [])
    await requireAll(place, ['updates', 'connectivity'])
    await untilAllSee(place)
  })
  const withConnectivity = await memoryOf(place)

  const pushAll = (count: number) => crowd.askAll('push', processes => [Math.ceil(count / processes), rate / processes])
  await phases.run('updates, warm-up', () => pushAll(UPDATES.warmUp))
  const push = await phases.run('updates', () => pushAll(UPDATES.measured))

  const before = await crowd.askAll('takeFailures', () => [])
  console.log(`What failed so far, and was tried again: ${failureText(before)}`)
  await crowd.askAll('goOn', processes => [(rate * BACKGROUND_PART) / processes])
  const restart = await phases.run('restart', () => restartAll(place))
  const background = await crowd.askAll('settle', () => [])
  const unseeing = await untilAllSee(place)
  const sightings = await crowd.askAll('look', () => [GRACE_MS])
  const failures = await crowd.askAll('takeFailures', () => [])

  const memory = { empty, withUpdates, withConnectivity }
  const measured: Measured = {
    sockets,
    friends,
    rate,
    memory,
    connect,
    watch,
    push,
    restart,
    background,
    unseeing,
    sightings,
    failures
  }
  return tableOf(measured)
}
