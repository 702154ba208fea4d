import type { Config } from '../config/config.ts'
import type { Logger } from '../observability/logger.ts'
import type { Metrics } from '../observability/metrics.ts'
import { profileMetrics } from '../observability/profile-metrics.ts'
import { CALL_OUTCOMES } from '../profiles/lookups.ts'
import { Profiles } from '../profiles/profiles.ts'
import type { Cleanups } from './cleanups.ts'

/** Users of whom the profile, or that they have none, is held in memory. */
const CACHE_SIZE = 50_000

interface ProfilesDeps {
  readonly config: Config
  readonly logger: Logger
  readonly metrics: Metrics
  /** Unix milliseconds. */
  readonly now: () => number
}

/** Names and pictures of users, and how often they had to be asked for. */
export function createProfiles({ config, logger, metrics, now }: ProfilesDeps, cleanups: Cleanups): Profiles {
  const { url, timeoutMs } = config.catalyst ?? { url: null, timeoutMs: 0 }
  const observer = profileMetrics(metrics.registry, CALL_OUTCOMES)
  const profiles = new Profiles({ url, timeoutMs, cacheSize: CACHE_SIZE, logger, observer, now })
  return cleanups.add('profiles', profiles, it => it.close())
}
