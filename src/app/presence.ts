import { randomUUID } from 'node:crypto'
import { Counter, Gauge } from 'prom-client'
import type { Channel } from '../cluster/channel.ts'
import type { Config } from '../config/config.ts'
import type { Metrics } from '../observability/metrics.ts'
import { ClusterPresence } from '../presence/cluster-presence.ts'
import { LocalPresence } from '../presence/local-presence.ts'
import { Locations } from '../presence/locations.ts'
import type { Cleanups } from './cleanups.ts'

/** How often an instance says that it is alive, in milliseconds: the users of one that crashed are gone after four. */
const BEAT_MS = 5000

interface PresenceDeps {
  readonly config: Config
  readonly channel: Channel
  readonly metrics: Metrics
}

/** Who is online here, who is online on any instance, and where in the world they are. */
export function createPresence({ config, channel, metrics }: PresenceDeps, cleanups: Cleanups) {
  const instance = randomUUID()
  const { presenceGraceMs: graceMs, positionLifetimeMs: lifetimeMs } = config.rpc
  const messages = new Counter({
    name: 'social_presence_messages_total',
    help: 'Messages between instances about who is online where',
    labelNames: ['direction'],
    registers: [metrics.registry]
  })
  for (const direction of ['sent', 'received']) messages.inc({ direction }, 0)
  const onMessage = (direction: 'sent' | 'received'): void => messages.inc({ direction })

  const local = cleanups.add('presence', new LocalPresence(graceMs), it => it.close())
  const online = new ClusterPresence({ instance, local, channel, graceMs, beatMs: BEAT_MS, onMessage })
  cleanups.add('presence of all instances', online, it => it.close())
  const locations = new Locations({ instance, presence: online, channel, lifetimeMs, onMessage })
  cleanups.add('locations', locations, it => it.close())
  countUsers(metrics, local, online)
  return { local, online, locations }
}

function countUsers({ registry }: Metrics, local: LocalPresence, online: ClusterPresence): void {
  new Gauge({
    name: 'social_users_online',
    help: 'Users who are online, on this instance and on all that it knows of',
    labelNames: ['on'],
    registers: [registry],
    collect() {
      this.set({ on: 'instance' }, local.users().length)
      this.set({ on: 'all' }, online.size)
    }
  })
  new Gauge({
    name: 'social_instances',
    help: 'Instances that this one knows to be alive, itself included',
    registers: [registry],
    collect() {
      this.set(online.instances)
    }
  })
}
