import { Counter, Histogram } from 'prom-client'
import type { Config } from '../config/config.ts'
import type { Logger } from '../observability/logger.ts'
import type { Metrics } from '../observability/metrics.ts'
import { CALL_OUTCOMES } from '../profiles/lookups.ts'
import { Profiles, type ProfilesObserver } from '../profiles/profiles.ts'
import type { Cleanups } from './cleanups.ts'

/** Up to the longest that CATALYST_TIMEOUT can be, twice. */
const CALL_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

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
  const observer = countingObserver(metrics)
  const profiles = new Profiles({ url, timeoutMs, cacheSize: CACHE_SIZE, logger, observer, now })
  return cleanups.add('profiles', profiles, it => it.close())
}

function countingObserver({ registry }: Metrics): ProfilesObserver {
  const users = new Counter({
    name: 'social_profiles_total',
    help: 'Profiles that were shown, by whether they were known or had to be asked for',
    labelNames: ['memory'],
    registers: [registry]
  })
  const calls = new Histogram({
    name: 'social_catalyst_call_duration_seconds',
    help: 'Time of the calls to the Catalyst, by how they ended',
    labelNames: ['outcome'],
    buckets: CALL_SECONDS,
    registers: [registry]
  })
  for (const memory of ['hit', 'miss']) users.inc({ memory }, 0)
  for (const outcome of CALL_OUTCOMES) calls.zero({ outcome })
  return {
    requested(known, missing) {
      users.inc({ memory: 'hit' }, known)
      users.inc({ memory: 'miss' }, missing)
    },
    callEnded: (outcome, durationMs) => calls.observe({ outcome }, durationMs / 1000)
  }
}
