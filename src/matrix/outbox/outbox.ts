import type { PairEvent } from '../../domain/events.ts'
import type { Backoff } from '../../lib/backoff.ts'
import type { Logger } from '../../observability/logger.ts'
import type { MetricRegistry } from '../../observability/metric-registry.ts'
import { outboxMetrics } from '../../observability/outbox-metrics.ts'
import type { RetryDecision } from '../../outbox/retry-decision.ts'
import { InterruptedError, type LeaseCheck, OutboxWorker, type OutboxWorkerDeps } from '../../outbox/worker.ts'
import type { Database } from '../../storage/db/database.ts'
import { AccountDataLeases } from '../../storage/matrix-accounts.ts'
import { type LeasedEvent, MATRIX_OUTBOX, OutboxStore } from '../../storage/outbox.ts'
import type { Accounts } from '../client/accounts.ts'
import type { HomeserverClient } from '../client/client.ts'
import { HomeserverError } from '../client/errors.ts'
import { PairRooms, type RoomCalls } from '../rooms/pair-rooms.ts'
import { DirectRooms } from './direct-rooms.ts'
import { HomeserverWatch } from './homeserver-watch.ts'
import { PairFollower } from './pair-follower.ts'
import { classifyFailure, isDatabaseAway } from './retry-decision.ts'

export interface OutboxOptions {
  /** Pairs that are followed side by side. */
  readonly lanes: number
  /** How often the outbox is looked at when nobody wakes the worker, in milliseconds. */
  readonly pollMs: number
  /** For so long a pair belongs to a worker, in milliseconds. One that is killed delays its pairs by that. */
  readonly leaseMs: number
  /** Longest time of one call to the homeserver, in milliseconds; a lease is a good deal longer. */
  readonly callMs: number
  /** Between the tries of one pair. */
  readonly pairBackoff: Backoff
  /** Between two probes of a homeserver that is away. */
  readonly awayBackoff: Backoff
}

interface OutboxDeps {
  readonly homeserver: HomeserverClient
  readonly accounts: Accounts
  /** With which this service shows itself to the homeserver. */
  readonly asToken: string
  readonly db: Database
  /** What creates the room of a pair. */
  readonly roomOn: 'request' | 'accept'
  readonly registry: MetricRegistry
  readonly logger: Logger
  /** Unix milliseconds. */
  readonly now: () => number
}

/** Calls that may follow each other without a check of the lease: the most are an account, and a first message. */
const CALLS_OF_STEP = 3

/** Account data is leased for two calls; a third stands for all that is between them. */
const CALLS_OF_LEASE = 3

/** Tries after which a room that is not complete will not be any more: by then they are a minute apart. */
const MAX_CREATION_ATTEMPTS = 8

/** A worker that keeps the homeserver in step with what is committed, not started yet. */
export function createOutbox(deps: OutboxDeps, options: OutboxOptions): OutboxWorker<PairEvent> {
  const { homeserver, accounts, asToken, db, roomOn, registry, logger, now } = deps
  const { callMs, pairBackoff, awayBackoff, ...workerOptions } = options
  const store = new OutboxStore(db, MATRIX_OUTBOX)
  const leases = new AccountDataLeases(db)
  // Needs no pair and no user, and shows that our token is known.
  const ping = (): Promise<unknown> => homeserver.whoami(asToken)
  const watch = new HomeserverWatch({ ping, backoff: awayBackoff, logger, now })
  const metrics = outboxMetrics(registry, { stats: () => store.stats(), isPaused: () => watch.isPaused, now })
  const deliver: OutboxWorkerDeps<PairEvent>['deliver'] = async (leased, checkLease) => {
    const { event, attempts } = leased
    const calls = withLeaseCheck(homeserver, checkLease)
    const rooms = new PairRooms(calls, accounts, { waitForCreation: attempts < MAX_CREATION_ATTEMPTS })
    const directRooms = new DirectRooms(calls, leases, CALLS_OF_LEASE * callMs)
    const startedAt = performance.now()
    try {
      await new PairFollower({ homeserver: calls, accounts, rooms, directRooms, roomOn }).follow(event)
    } catch (error) {
      if (error instanceof InterruptedError) throw error
      const decision = await classifyFailure(error, attempts, watch, pairBackoff)
      logFailure(logger, leased, error, decision)
      return decision
    }
    metrics.followed(event.action, (performance.now() - startedAt) / 1000)
    return null
  }
  return new OutboxWorker(
    { store, deliver, target: watch, metrics, logger },
    { ...workerOptions, stepMs: CALLS_OF_STEP * callMs }
  )
}

function logFailure(logger: Logger, { event }: LeasedEvent, error: unknown, decision: RetryDecision): void {
  const { actor, target, action } = event
  const fields = { err: error, actor, target, action, attempts: decision.attempts }
  if (decision.parked) logger.error(fields, 'An event cannot be brought to the homeserver: its pair is parked')
  else if (!(error instanceof HomeserverError || isDatabaseAway(error)))
    logger.error(fields, 'An event could not be brought to the homeserver')
  else logger.debug(fields, 'An event is not brought to the homeserver yet')
}

/** The same calls, each of which first makes sure that it may still be made. */
function withLeaseCheck(homeserver: HomeserverClient, checkLease: LeaseCheck): RoomCalls {
  return {
    ids: homeserver.ids,
    as: user => {
      checkLease()
      return homeserver.as(user)
    },
    resolveAlias: async alias => {
      checkLease()
      return homeserver.resolveAlias(alias)
    },
    deleteAlias: async alias => {
      checkLease()
      return homeserver.deleteAlias(alias)
    }
  }
}
