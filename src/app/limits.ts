import { USER_LIMITS, type UserLimit } from '../admission/user-limits.ts'
import { Counters } from '../cluster/counters.ts'
import { RateLimit } from '../cluster/rate-limit.ts'
import type { Config } from '../config/config.ts'
import { ActionLimits } from '../friendships/action-limits.ts'
import { limitMetrics } from '../observability/cluster-metrics.ts'
import type { Logger } from '../observability/logger.ts'
import type { Metrics } from '../observability/metrics.ts'
import type { Cleanups } from './cleanups.ts'

/** How often something may be done. */
const RATES = [
  'user-actions',
  'pair-actions',
  'blocks',
  'mutes',
  'incoming-requests',
  'settings',
  'logins',
  'channels'
] as const
/** How much a user may have. */
const CAPACITIES = ['friends', 'outgoing', 'incoming', 'muted'] as const

interface LimitsDeps {
  readonly config: Config
  readonly logger: Logger
  readonly metrics: Metrics
}

/** What users may do how often: counted over Redis by all instances together, where there is one. */
export function createLimits({ config, logger, metrics }: LimitsDeps, cleanups: Cleanups) {
  const { limits, proxy, redisUrl, serverName } = config
  const counters = redisUrl === null ? null : new Counters(redisUrl, logger)
  if (counters) cleanups.add('limits', counters, it => it.close())
  const { countedLocally, reached } = limitMetrics(metrics.registry, {
    rates: RATES,
    others: [...CAPACITIES, ...USER_LIMITS]
  })
  const shared = { scope: serverName, counters, onLocal: countedLocally, onReached: reached }
  const limit = (name: (typeof RATES)[number], perMinute: number): RateLimit =>
    new RateLimit({ ...shared, name, perMinute })
  return {
    actions: new ActionLimits({
      ofUser: limit('user-actions', limits.actionsPerMinute),
      ofPair: limit('pair-actions', limits.pairActionsPerMinute),
      blocks: limit('blocks', limits.blocksPerMinute),
      incoming: limit('incoming-requests', limits.incomingRequestsPerMinute)
    }),
    mutes: limit('mutes', limits.mutesPerMinute),
    settings: limit('settings', limits.settingsPerMinute),
    logins: limit('logins', limits.loginsPerMinute),
    channels: new RateLimit({ ...shared, name: 'channels', perDay: proxy.maxChannelsCreatedPerDay }),
    /** Counts a refusal. */
    reached: (limit: (typeof CAPACITIES)[number] | UserLimit): void => reached(limit)
  }
}
