import type { MetricRegistry } from './metric-registry.ts'

/**
 * What becomes of a request of another service: it is let in, by its key or because of where it comes from; its key is
 * missing or not valid, has not the scope, or is used too often; or it cannot be known now, as the database is away.
 */
const OUTCOMES = ['admitted', 'keyless', 'unknown', 'scope', 'limited', 'failed'] as const
export type ServiceOutcome = (typeof OUTCOMES)[number]

/** Counts requests of other services. @param scopes every scope that there is */
export function serviceMetrics<Scope extends string>(registry: MetricRegistry, scopes: readonly Scope[]) {
  const requests = registry.counter({
    name: 'social_service_requests_total',
    help: 'Requests of other services, by what they ask and whether they were let in',
    labels: { scope: scopes, outcome: OUTCOMES }
  })
  return {
    requested(scope: Scope, outcome: ServiceOutcome): void {
      requests.inc({ scope, outcome })
    }
  }
}
