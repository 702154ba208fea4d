import { type Backoff, backoffMs } from '../../lib/backoff.ts'
import type { Logger } from '../../observability/logger.ts'
import { type HomeserverClient, NO_TOKEN } from './client.ts'
import { HomeserverError } from './errors.ts'
import type { UserId } from './ids.ts'
import { SENDER } from './registration.ts'

type Homeserver = Pick<HomeserverClient, 'whoami' | 'isReserved' | 'ids'>

/** How the homeserver is used, as configured. */
interface HomeserverUse {
  readonly mode: 'appservice' | 'passthrough'
  /** In passthrough one that the homeserver should not know (any more). */
  readonly asToken: string | null
}

export interface HomeserverCheckDeps {
  readonly homeserver: Homeserver
  readonly use: HomeserverUse
  readonly logger: Logger
}

interface Finding {
  /** What is wrong, and what to do; null when nothing is, or can be seen without a user. */
  readonly problem: string | null
  /** As whom the homeserver knows this service. */
  readonly userId: UserId | null
}

/** Between two checks while something is wrong. */
const BACKOFF: Backoff = { firstMs: 1_000, maxMs: 60_000 }

const UNKNOWN_TOKEN =
  'The homeserver does not know MATRIX_AS_TOKEN: give it the registration (social-service matrix-registration), and restart it'
const STILL_REGISTERED =
  'MATRIX_MODE is passthrough, but the homeserver still has the registration of this service, which reserves the names of rooms of two: users cannot make them (M_EXCLUSIVE). Take it out of app_service_config_files, and restart the homeserver'

/** Whether the configuration and the homeserver go together, as far as that shows without a user. */
export async function lookAtHomeserver(homeserver: Homeserver, { mode, asToken }: HomeserverUse): Promise<Finding> {
  const isRegistered = mode === 'appservice'
  try {
    const { userId } = await homeserver.whoami(asToken ?? NO_TOKEN)
    const problem = nameProblem(homeserver.ids.serverName, userId)
    return { problem: problem ?? (isRegistered ? null : STILL_REGISTERED), userId }
  } catch (error) {
    const isAnswer = error instanceof HomeserverError && error.kind === 'unauthorized'
    if (!isAnswer) return { problem: unreachable(error), userId: null }
    if (isRegistered) return { problem: UNKNOWN_TOKEN, userId: null }
    // Its own user is reserved for it: who has open registration is told so, and others not at all.
    const isReserved = await homeserver.isReserved(SENDER)
    return { problem: isReserved ? STILL_REGISTERED : null, userId: null }
  }
}

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

  /** Called in passthrough when a user has made the room of two, or was refused because its name is reserved. */
  foundName(isReserved: boolean): void {
    if (isReserved) this.#setProblem(STILL_REGISTERED)
    else if (this.#problem === STILL_REGISTERED) this.#setProblem(null)
  }

  async #check(): Promise<void> {
    const { problem } = await lookAtHomeserver(this.#deps.homeserver, this.#deps.use)
    if (this.#isStopped) return
    this.#setProblem(problem)
    if (problem === null) return
    this.#failures += 1
    this.#timer = setTimeout(() => void this.#check(), backoffMs(this.#failures, BACKOFF))
  }

  #setProblem(problem: string | null): void {
    if (problem === this.#problem) return
    this.#problem = problem
    if (problem === null) this.#deps.logger.info('The homeserver is as it is configured')
    else this.#deps.logger.warn(problem)
  }
}

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
