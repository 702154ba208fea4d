import type { Bus } from '../cluster/bus.ts'
import type { Config } from '../config/config.ts'
import type { Accounts } from '../matrix/client/accounts.ts'
import { HomeserverClient } from '../matrix/client/client.ts'
import { createOutbox, type OutboxOptions } from '../matrix/outbox/outbox.ts'
import type { Logger } from '../observability/logger.ts'
import type { Metrics } from '../observability/metrics.ts'
import type { Database } from '../storage/db/database.ts'
import { MATRIX_OUTBOX, OutboxStore } from '../storage/outbox.ts'
import type { Cleanups } from './cleanups.ts'

interface OutboxDeps {
  readonly config: Config
  readonly logger: Logger
  readonly metrics: Metrics
  readonly db: Database
  readonly bus: Bus
  /** Null without an application service. */
  readonly accounts: Accounts | null
  /** Unix milliseconds. */
  readonly now: () => number
}

export const OUTBOX_OPTIONS: OutboxOptions = {
  // More would get more done, but users who chat meanwhile wait longer for the homeserver.
  lanes: 8,
  pollMs: 1_000,
  leaseMs: 60_000,
  callMs: 10_000,
  pairBackoff: { firstMs: 1_000, maxMs: 300_000 },
  awayBackoff: { firstMs: 1_000, maxMs: 30_000 }
}
/** What one pair asks of the homeserver at the same time: something for each of its users, and of its room. */
const CALLS_OF_PAIR = 3

/** Keeps a homeserver that knows this service as its application service in step with what is committed. */
export async function startMatrixOutbox(deps: OutboxDeps, cleanups: Cleanups): Promise<void> {
  const { config, logger, metrics, db, bus, accounts, now } = deps
  if (config.matrix?.mode !== 'appservice' || accounts === null) return
  const { homeserverUrl, asToken, roomOn } = config.matrix
  await new OutboxStore(db, MATRIX_OUTBOX).begin()
  // Connections of its own, so that a long outbox never stands in the way of a login.
  const homeserver = new HomeserverClient({
    url: homeserverUrl,
    serverName: config.serverName,
    asToken,
    timeoutMs: OUTBOX_OPTIONS.callMs,
    connections: OUTBOX_OPTIONS.lanes * CALLS_OF_PAIR
  })
  cleanups.add('homeserver of the outbox', homeserver, it => it.close())
  const { registry } = metrics
  const worker = createOutbox({ homeserver, accounts, asToken, db, roomOn, registry, logger, now }, OUTBOX_OPTIONS)
  // At once, so that it takes on nothing new while others still end.
  cleanups.addEarly('outbox', worker, (it, deadline) => it.stop(deadline.leftMs))
  bus.onCommit(() => worker.wake())
  worker.start()
}
