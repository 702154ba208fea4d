import type { MetricRegistry } from './metric-registry.ts'

/** Up to the longest that CATALYST_TIMEOUT can be, twice. */
const CALL_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** Counts lookups of profiles. @param outcomes how a call to the Catalyst can end */
export function profileMetrics(registry: MetricRegistry, outcomes: readonly string[]) {
  const users = registry.counter({
    name: 'social_profiles_total',
    help: 'Profiles that were shown, by whether they were known or had to be asked for',
    labels: { memory: ['hit', 'miss'] }
  })
  const calls = registry.histogram({
    name: 'social_catalyst_call_duration_seconds',
    help: 'Time of the calls to the Catalyst, by how they ended',
    labels: { outcome: outcomes },
    buckets: CALL_SECONDS
  })
  return {
    requested(known: number, missing: number): void {
      users.inc({ memory: 'hit' }, known)
      users.inc({ memory: 'miss' }, missing)
    },
    callEnded: (outcome: string, durationMs: number): void => calls.observe({ outcome }, durationMs / 1000)
  }
}

/** Counts checks of contract wallets. @param outcomes how one can end */
export function contractWalletMetrics(registry: MetricRegistry, outcomes: readonly string[]) {
  const checks = registry.counter({
    name: 'social_contract_wallet_checks_total',
    help: 'Signatures of contract wallets that the Ethereum node was asked about, or was not, by the outcome',
    labels: { outcome: outcomes }
  })
  return { checked: (outcome: string): void => checks.inc({ outcome }) }
}
