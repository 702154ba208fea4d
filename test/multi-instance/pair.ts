import type { Cluster } from '../env/cluster.ts'
import type { Device, ReceivedUpdate } from '../env/device.ts'
import { until } from '../env/until.ts'

/** The actions that a device received; losses left out. */
export const receivedActions = (device: Device): string[] =>
  device.received.flatMap(entry => (entry === 'disconnected' ? [] : [entry.action]))

/** Two users, each connected to an instance of their own; the second one listens. */
export async function pair<A extends Device, B extends Device>(
  cluster: Cluster,
  ...[alice, bob]: readonly [A, B]
): Promise<[A, B]> {
  await alice.connect(cluster.instance(0).rpcUrl)
  await bob.connect(cluster.instance(1).rpcUrl)
  await listens(bob, alice)
  return [alice, bob]
}

/** The message by which the last request of the beginning is known. */
const LAST = 'the last one'

/** Lets a device listen. With one update of another user, its subscription is known to be open. */
async function listens(device: Device, other: Device): Promise<void> {
  void device.listen()
  await until(async () => {
    await other.act('request', device.address)
    await other.act('cancel', device.address)
    return receivedActions(device).length > 0
  }, 'the subscription is open')
  await other.act('request', device.address, LAST)
  await other.act('cancel', device.address)
  const isLast = (entry: ReceivedUpdate | undefined): boolean =>
    entry !== undefined && entry !== 'disconnected' && entry.message === LAST
  await until(() => isLast(device.received.at(-2)), 'everything so far arrives')
  device.received.length = 0
}

/**
 * How long it takes until what one does reaches the other: the middle of five times, in milliseconds. Were it only
 * sent with the next look at the log, it would be a second each time, because each begins where the one before ended.
 */
export async function timeToReceive(actor: Device, listener: Device): Promise<number> {
  const times: number[] = []
  for (const action of ['request', 'cancel', 'request', 'cancel', 'request'] as const) {
    const before = listener.received.length
    const startedAt = performance.now()
    await actor.act(action, listener.address)
    await until(() => listener.received.length > before, 'it arrives')
    times.push(performance.now() - startedAt)
  }
  return times.sort((a, b) => a - b)[2] as number
}
