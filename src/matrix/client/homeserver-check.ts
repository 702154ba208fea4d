import { type Backoff, backoffMs } from '../../lib/backoff.ts'
import type { Logger } from '../../observability/logger.ts'
import type { HomeserverClient } from './client.ts'
import { HomeserverError } from './errors.ts'

export interface HomeserverCheckDeps {
  readonly homeserver: Pick<HomeserverClient, 'whoami' | 'ids'>
  /** Null where the homeserver does not know this service. */
  readonly asToken: string | null
  readonly logger: Logger
}

/** A token that nobody has: a homeserver says so. */
const NO_TOKEN = 'social-service'
/** Between two checks while something is wrong. */
const BACKOFF: Backoff = { firstMs: 1_000, maxMs: 60_000 }

/**
 * Whether the configuration and the homeserver go together. Checked from the start on until they do; what is wrong until
 * then is said once, and holds nothing up: all but chat works.
 */
export class HomeserverCheck {
  readonly #deps: HomeserverCheckDeps
  #problem: string | null = null
  #failures = 0
  #timer: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(deps: HomeserverCheckDeps) {
    this.#deps = deps
  }

  /** What is wrong, and what to do; null when nothing is, or is known to be. */
  get problem(): string | null {
    return this.#problem
  }

  start(): void {
    void this.#check()
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  /** Called for a user id of another server than the configured one, as the homeserver gives it to its own users. */
  foundServer(userId: string): void {
    this.#setProblem(nameProblem(this.#deps.homeserver.ids.serverName, userId))
  }

  async #check(): Promise<void> {
    const problem = await this.#findProblem()
    if (this.#isStopped) return
    this.#setProblem(problem)
    if (problem === null) return
    this.#failures += 1
    this.#timer = setTimeout(() => void this.#check(), backoffMs(this.#failures, BACKOFF))
  }

  async #findProblem(): Promise<string | null> {
    const { homeserver, asToken } = this.#deps
    try {
      const { userId } = await homeserver.whoami(asToken ?? NO_TOKEN)
      return nameProblem(homeserver.ids.serverName, userId)
    } catch (error) {
      if (!(error instanceof HomeserverError) || error.kind !== 'unauthorized') return unreachable(error)
      return asToken === null ? null : UNKNOWN_TOKEN
    }
  }

  #setProblem(problem: string | null): void {
    if (problem === this.#problem) return
    this.#problem = problem
    if (problem === null) this.#deps.logger.info('The homeserver is as it is configured')
    else this.#deps.logger.warn(problem)
  }
}

const UNKNOWN_TOKEN =
  'The homeserver does not know MATRIX_AS_TOKEN: give it the registration (social-service matrix-registration), and restart it'

function nameProblem(serverName: string, userId: string): string | null {
  const name = userId.slice(userId.indexOf(':') + 1)
  return name === serverName
    ? null
    : `SERVER_NAME is ${serverName}, but the homeserver is ${name}: set SERVER_NAME=${name}`
}

function unreachable(error: unknown): string {
  const reason = error instanceof Error ? error.message : String(error)
  return `There is no homeserver that answers: is it running, and is MATRIX_HOMESERVER_URL right? (${reason})`
}
