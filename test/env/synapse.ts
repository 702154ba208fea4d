import { describe, inject } from 'vitest'
import type { Answer, SharedSynapse } from './synapse/global-setup.ts'
import type { SynapseAccess } from './synapse/homeserver.ts'

export { DECENTRALAND_LOGIN, PASSTHROUGH_HOMESERVER } from './synapse/configuration.ts'
export {
  adminToken,
  type Synapse,
  type SynapseAccess,
  startSynapse
} from './synapse/homeserver.ts'

/*
 * A real Synapse for tests.
 *
 * `describeWithSynapse` marks tests that need one. Outside CI they are skipped where it cannot be installed, with a
 * banner at the end of the run; in CI that is an error.
 *
 * `await sharedSynapse()` is the one of the whole run, and `await sharedSynapse('passthrough')` another that checks logins
 * itself. Each starts with the first file that asks, and every test uses users of its own, so that they do not meet. A test that stops or kills its homeserver, or has it configured in
 * another way, starts one with `startSynapse()`, which takes a second or two.
 *
 * Benchmarks and scripts import ./synapse/homeserver.ts, which needs no test run.
 */

/** Whether this machine has a Synapse, which is installed first if it can be. */
const synapseAvailable = await ask<boolean>('/available')

/** As `describe`; skipped, which the end of the run says aloud, where there is no Synapse. */
export const describeWithSynapse = describe.runIf(synapseAvailable)

/** A Synapse of the test run: one that knows this service as its application service, unless told otherwise. */
export function sharedSynapse(which: SharedSynapse = 'appservice'): Promise<SynapseAccess> {
  return ask<SynapseAccess>(`/${which}`)
}

async function ask<T>(path: string): Promise<T> {
  const server = inject('synapseUrl')
  if (!server) throw new Error('test/env/synapse/global-setup.ts is not among the globalSetup of the test run')
  const answer = (await (await fetch(server + path)).json()) as Answer<T>
  if ('error' in answer) throw new Error(answer.error)
  return answer.value
}
