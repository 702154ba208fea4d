import type { Channel } from '../cluster/channel.ts'
import type { Directory } from '../cluster/directory.ts'
import type { Config } from '../config/config.ts'
import { observePresence, presenceMetrics } from '../observability/cluster-metrics.ts'
import type { Logger } from '../observability/logger.ts'
import type { Metrics } from '../observability/metrics.ts'
import { observeWorld, worldMetrics } from '../observability/world-metrics.ts'
import { ClusterPresence } from '../presence/cluster-presence.ts'
import type { FriendIndex } from '../presence/friend-index.ts'
import { InWorldPresence } from '../presence/in-world-presence.ts'
import { LocalPresence } from '../presence/local-presence.ts'
import { Locations } from '../presence/locations.ts'
import { UnitedPresence } from '../presence/united-presence.ts'
import { WorldHandover } from '../presence/world-handover.ts'
import { NatsClient } from '../world/nats-client.ts'
import { IGNORED, WORLD_EVENTS, worldSubscriptions } from '../world/world-events.ts'
import type { Cleanups } from './cleanups.ts'

/** How often an instance says that it is alive, in milliseconds: the users of one that crashed are gone after four. */
const BEAT_MS = 5000
/** A connection to NATS that brings nothing is given up after half of the time that users may be silent, and after so long at most; in milliseconds. */
const NATS_SILENCE_MS = 30_000

interface PresenceDeps {
  /** The id of this instance, which no other one has or had. */
  readonly instance: string
  readonly config: Config
  readonly logger: Logger
  readonly channel: Channel
  readonly directory: Directory
  readonly friendIndex: FriendIndex
  readonly metrics: Metrics
}

/** Who is online here, who is online on any instance or in the world, and where in the world they are. */
export function createPresence(deps: PresenceDeps, cleanups: Cleanups) {
  const { instance, config, channel, directory, friendIndex, metrics } = deps
  const { presenceGraceMs: graceMs, positionLifetimeMs: lifetimeMs } = config.rpc
  const { source } = config.presence
  const onMessage = presenceMetrics(metrics.registry).message
  const local = cleanups.add('presence', new LocalPresence(graceMs), it => it.close())
  const countLocal = (): number => (source === 'nats' ? 0 : local.size)
  const between = { instance, local, countLocal, channel, directory, friendIndex, onMessage }
  const cluster = new ClusterPresence({ ...between, graceMs, beatMs: BEAT_MS })
  cleanups.add('presence of all instances', cluster, it => it.close())
  const world = createWorld(deps, cleanups)
  // Where a socket makes nobody online, other instances are still told where its user is.
  const sources = [...(source === 'nats' ? [] : [cluster]), ...(world ? [world.presence] : [])]
  const online = cleanups.add('presence of all sources', new UnitedPresence(sources), it => it.close())
  const locations = new Locations({ presence: online, locators: cluster, channel, lifetimeMs, onMessage })
  cleanups.add('locations', locations, it => it.close())
  observePresence(metrics.registry, {
    instance: () => local.size,
    all: () => (source === 'sockets' ? cluster.size : online.size),
    instances: () => cluster.instances
  })
  if (world) {
    observeWorld(metrics.registry, {
      isConnected: () => world.nats.isConnected,
      bySockets: () => cluster.size,
      byNats: () => world.presence.size
    })
  }
  /** What is wrong with a part without which others are served all the same; by its name, null while nothing is. */
  const warnings: Record<string, () => string | null> = world ? { nats: () => world.nats.problem } : {}
  return { local, online, locations, warnings }
}

/** Who is in the world, as NATS says; null where it is not asked. */
function createWorld({ instance, config, logger, metrics }: PresenceDeps, cleanups: Cleanups) {
  const { nats: servers, heartbeatTimeoutMs, worldTimeoutMs } = config.presence
  if (servers === null) return null
  const counts = worldMetrics(metrics.registry, { events: WORLD_EVENTS, reasons: IGNORED })
  const presence = new InWorldPresence({
    isConnected: () => nats.isConnected,
    heartbeatTimeoutMs,
    worldTimeoutMs,
    graceMs: config.rpc.presenceGraceMs,
    onFull: () => counts.ignored('full')
  })
  cleanups.add('presence of the world', presence, it => it.close())
  const nats = new NatsClient({
    nats: servers,
    name: `social-service ${instance}`,
    subscriptions: worldSubscriptions({
      onEvent: event => {
        counts.taken(event.kind)
        presence.apply(event)
      },
      onIgnored: counts.ignored
    }),
    silenceMs: Math.min(NATS_SILENCE_MS, heartbeatTimeoutMs / 2),
    onConnected: () => {
      presence.recover()
      handover.begin()
    },
    logger
  })
  cleanups.add('NATS', nats, it => it.close())
  const subject = `social-service.${config.serverName}.worlds`
  const handover = cleanups.add('worlds', new WorldHandover({ messages: nats, presence, subject }), it => it.close())
  return { presence, nats }
}
