import type { Admission } from '../admission/admission.ts'
import type { Config } from '../config/config.ts'
import { SCOPES } from '../domain/api-key.ts'
import { ServiceQuestions } from '../friendships/service-questions.ts'
import type { ServiceRoutesDeps } from '../http/services/users.ts'
import { IpRanges } from '../lib/client-address.ts'
import { RateBudget } from '../lib/rate-budget.ts'
import type { Logger } from '../observability/logger.ts'
import type { Metrics } from '../observability/metrics.ts'
import { serviceMetrics } from '../observability/service-metrics.ts'
import { ApiKeys } from '../sessions/api-keys.ts'
import { ApiKeyStore } from '../storage/api-keys.ts'
import type { Database } from '../storage/db/database.ts'
import { FriendLists } from '../storage/friend-lists.ts'
import { SettingsStore } from '../storage/settings.ts'

/** What a service may ask at once after a pause: as much as in so many seconds. */
const BURST_SECONDS = 2
/** Keys, and addresses without one, whose requests are counted: of more, those that asked longest ago begin anew. */
const MAX_SERVICES = 10_000

interface ServicesDeps {
  readonly config: Config
  readonly logger: Logger
  readonly metrics: Metrics
  readonly admission: Admission
  readonly db: Database
}

/** What other services are answered, and by which keys they are known. */
export function createServices({ config, logger, metrics, admission, db }: ServicesDeps): ServiceRoutesDeps {
  const { requestsPerSecond: perSecond, keyless } = config.services
  return {
    keys: new ApiKeys({
      store: new ApiKeyStore(db),
      onError: error => logger.warn({ err: error }, 'The last use of an API key could not be written')
    }),
    questions: new ServiceQuestions({ lists: new FriendLists(db), settings: new SettingsStore(db) }),
    admission,
    requests: new RateBudget({ perSecond, burst: BURST_SECONDS * perSecond, maxKeys: MAX_SERVICES }),
    keyless: new IpRanges(keyless),
    onRequest: serviceMetrics(metrics.registry, SCOPES).requested,
    maxPageSize: config.limits.maxListPage,
    maxAnswerBytes: config.limits.maxAnswerBytes
  }
}
