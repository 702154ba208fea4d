import { type Config, loadConfig } from '../config/config.ts'
import { settingsOverview } from '../config/overview.ts'
import { Deadline } from '../lib/deadline.ts'
import { withoutSecrets } from '../observability/logger.ts'
import { PROBES } from './probes.ts'
import { printTable } from './table.ts'
import { reportUserError } from './user-error.ts'

/** Longest time for all probes of one service, in milliseconds. */
const DEADLINE_MS = 15_000

/**
 * Prints every setting with where it comes from, and tries each service that the configuration names.
 * @returns the exit code: 0, or 1 when the service could not work so
 */
export async function check(): Promise<number> {
  const code = await reportUserError(async () => {
    console.log('Settings:')
    printTable(settingsOverview().map(({ name, value, origin }) => [name, value, `(${origin})`]))
    const config = loadConfig()
    for (const warning of config.warnings) console.log(`Warning: ${warning}`)
    console.log('\nServices:')
    const results = await Promise.all(PROBES.map(async ({ name, run }) => [name, await attempt(config, run)] as const))
    printTable(results.map(([name, { state, text }]) => [name, state, text]))
    return results.some(([, { state }]) => state === 'FAILED') ? 1 : 0
  })
  return code ?? 1
}

interface Outcome {
  readonly state: 'ok' | 'not set' | 'FAILED'
  readonly text: string
}

async function attempt(config: Config, run: (config: Config) => Promise<string | null>): Promise<Outcome> {
  const work = run(config)
  if (!(await new Deadline(DEADLINE_MS).settled(work))) {
    return { state: 'FAILED', text: `no answer within ${DEADLINE_MS / 1000} s` }
  }
  try {
    const text = await work
    return text === null ? { state: 'not set', text: '' } : { state: 'ok', text }
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return { state: 'FAILED', text: withoutSecrets(message.split('\n', 1)[0] ?? '') }
  }
}
