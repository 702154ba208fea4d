import type { Channel } from '../cluster/channel.ts'
import type { Config } from '../config/config.ts'
import { observePresence, presenceMetrics } from '../observability/cluster-metrics.ts'
import type { Metrics } from '../observability/metrics.ts'
import { ClusterPresence } from '../presence/cluster-presence.ts'
import { LocalPresence } from '../presence/local-presence.ts'
import { Locations } from '../presence/locations.ts'
import type { Cleanups } from './cleanups.ts'

/** How often an instance says that it is alive, in milliseconds: the users of one that crashed are gone after four. */
const BEAT_MS = 5000

interface PresenceDeps {
  /** The id of this instance, which no other one has or had. */
  readonly instance: string
  readonly config: Config
  readonly channel: Channel
  readonly metrics: Metrics
}

/** Who is online here, who is online on any instance, and where in the world they are. */
export function createPresence({ instance, config, channel, metrics }: PresenceDeps, cleanups: Cleanups) {
  const { presenceGraceMs: graceMs, positionLifetimeMs: lifetimeMs } = config.rpc
  const onMessage = presenceMetrics(metrics.registry).message
  const local = cleanups.add('presence', new LocalPresence(graceMs), it => it.close())
  const online = new ClusterPresence({ instance, local, channel, graceMs, beatMs: BEAT_MS, onMessage })
  cleanups.add('presence of all instances', online, it => it.close())
  const locations = new Locations({ instance, presence: online, channel, lifetimeMs, onMessage })
  cleanups.add('locations', locations, it => it.close())
  observePresence(metrics.registry, {
    instance: () => local.users().length,
    all: () => online.size,
    instances: () => online.instances
  })
  return { local, online, locations }
}
