import type { MetricRegistry } from './metric-registry.ts'

/** Counts what was refused to addresses. @param budgets every budget that there is */
export function admissionMetrics<Budget extends string>(registry: MetricRegistry, budgets: readonly Budget[]) {
  const refused = registry.counter({
    name: 'social_refused_total',
    help: 'Connections, frames, requests and logins that were refused or slowed because an address was over a budget',
    labels: { budget: budgets }
  })
  return {
    refused(budget: Budget): void {
      refused.inc({ budget })
    }
  }
}
