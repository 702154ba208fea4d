import type { Bus } from '../cluster/bus.ts'
import type { Config } from '../config/config.ts'
import { Dispatcher, type DispatcherOptions } from '../notifications/dispatcher.ts'
import { GatekeeperSink } from '../notifications/gatekeeper-sink.ts'
import type { NotificationSink } from '../notifications/sink.ts'
import type { SnsOptions } from '../notifications/sns-sink.ts'
import { WebhookSink } from '../notifications/webhook-sink.ts'
import type { Logger } from '../observability/logger.ts'
import type { Metrics } from '../observability/metrics.ts'
import type { Profiles } from '../profiles/profiles.ts'
import type { Database } from '../storage/db/database.ts'
import type { Cleanups } from './cleanups.ts'

interface NotificationsDeps {
  readonly config: Config
  readonly logger: Logger
  readonly metrics: Metrics
  readonly db: Database
  readonly bus: Bus
  readonly profiles: Profiles
  /** Unix milliseconds. */
  readonly now: () => number
}

const OPTIONS: DispatcherOptions = {
  lanes: 8,
  pollMs: 1_000,
  leaseMs: 60_000,
  sendMs: 30_000,
  pairBackoff: { firstMs: 1_000, maxMs: 300_000 },
  awayBackoff: { firstMs: 1_000, maxMs: 30_000 }
}

/**
 * Tells every system of the configuration what is committed; nothing of it is there where none is configured.
 * @returns the names of the systems
 */
export async function startNotifications(deps: NotificationsDeps, cleanups: Cleanups): Promise<string[]> {
  const { config, logger, metrics, db, bus, profiles, now } = deps
  const sinks = await createSinks(config, profiles)
  if (sinks.length === 0) return []
  for (const sink of sinks) cleanups.add(`sink ${sink.name}`, sink, it => it.close())
  const dispatcher = new Dispatcher({ sinks, db, registry: metrics.registry, logger, now }, OPTIONS)
  // At once, so that it takes on nothing new while others still end.
  cleanups.addEarly('notifications', dispatcher, (it, deadline) => it.stop(deadline.leftMs))
  bus.onCommit(() => dispatcher.wake())
  await dispatcher.start()
  return sinks.map(({ name }) => name)
}

/** One sink for each system of the configuration. */
async function createSinks({ webhooks, sns, gatekeeper }: Config, profiles: Profiles): Promise<NotificationSink[]> {
  const { receivers, timeoutMs } = webhooks
  const sinks: NotificationSink[] = receivers.map(
    receiver => new WebhookSink({ ...receiver, timeoutMs, connections: OPTIONS.lanes })
  )
  if (sns) sinks.push(await createSnsSink(sns, profiles))
  if (gatekeeper) sinks.push(new GatekeeperSink({ ...gatekeeper, connections: OPTIONS.lanes }))
  return sinks
}

/** The SDK of AWS takes a tenth of a second and 15 MB to load, which nobody should pay who does not use it. */
async function createSnsSink(options: SnsOptions, profiles: Profiles): Promise<NotificationSink> {
  const { SnsSink } = await import('../notifications/sns-sink.ts')
  return new SnsSink({ profiles }, options)
}
