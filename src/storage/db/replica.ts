import { isUnavailable } from '../../domain/errors.ts'
import { CircuitBreaker } from '../../lib/circuit-breaker.ts'
import type { Logger } from '../../observability/logger.ts'
import { type ConnectionOptions, Connections } from './connections.ts'
import { runStatement, type Statement } from './database.ts'
import { CONSEQUENCES, classifyError } from './errors.ts'
import type { SingleHost } from './hosts.ts'

/** What a server is, and how far it is in what was written. */
export type Position = readonly [system: string, database: string, isStandby: boolean, lsn: number | null]

/** How far the primary was at a moment. */
export interface PrimarySample {
  readonly system: string
  readonly database: string
  readonly lsn: number
  /** By the monotonic clock, in milliseconds: everything that was committed before is below `lsn`. */
  readonly at: number
}

/** Asks any server for its {@link Position}. A primary says how far it has written, a standby how far it has replayed. */
export const POSITION: Statement = {
  name: 'wal-position',
  text: `select system_identifier::text, current_database(), pg_is_in_recovery(),
    (case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end - '0/0')::bigint
    from pg_control_system()`
}

/** Longest wait for a connection, and for an answer, in milliseconds: a list that takes longer is had from the primary. */
const MAX_WAIT_MS = 1_000
/** Before a server that could not be asked is asked again, in milliseconds. */
const RETRY_MS = 1_000

/**
 * One standby, and how old what it shows is at most. No clocks are compared, and nobody has to write: what the primary had
 * written at a moment, the standby has replayed or not.
 */
export class Replica {
  readonly name: string
  readonly #lists: Connections
  /** Of its own, so that many lists do not keep it from being known how old they are. */
  readonly #looks: Connections
  readonly #timeoutMs: number
  /** Of statements that fail although the server answers: one that conflicts with what is replayed, or a missing right. */
  readonly #breaker = new CircuitBreaker(() => performance.now())
  /** Everything that the primary had committed at this moment is here, by the monotonic clock. */
  #asOf = Number.NEGATIVE_INFINITY
  #problem: string | null = null
  #isLooking = false
  #lookAgainAt = 0

  constructor({ url, name }: SingleHost, options: ConnectionOptions, logger: Logger) {
    this.name = name
    this.#timeoutMs = Math.min(options.statementTimeoutMs, MAX_WAIT_MS)
    const connectTimeoutMs = Math.min(options.connectTimeoutMs, MAX_WAIT_MS)
    const limits = { ...options, connectTimeoutMs, statementTimeoutMs: this.#timeoutMs }
    // Its warnings are of the database that everything needs; what is wrong with a replica is said once for all.
    const quiet = { ...logger, info: logger.debug, warn: logger.debug }
    this.#lists = new Connections(url, limits, quiet)
    this.#looks = new Connections(url, { ...limits, poolSize: 1 }, quiet)
  }

  /** How old what it shows is at most, in milliseconds. */
  get ageMs(): number {
    return performance.now() - this.#asOf
  }

  /** Whether it may be read, where what it shows may be so old. */
  isUsable(maxAgeMs: number): boolean {
    return this.ageMs <= maxAgeMs && this.#breaker.state !== 'open'
  }

  /** Why it is not used, in words; null while nothing is known. */
  get problem(): string | null {
    return this.#breaker.state === 'open' ? 'statements fail on it' : this.#problem
  }

  /** Runs a statement once. @throws whatever keeps it from an answer: the primary is to be asked then */
  async rows<Row extends readonly unknown[]>(statement: Statement, values: readonly unknown[]): Promise<Row[]> {
    const rows = await this.#run<Row>(this.#lists, statement, values).catch(error => {
      if (classifyError(error) === 'connection-lost') this.#lost(unreachable(error))
      // That there is no connection in time may be of many lists alone.
      else if (!isUnavailable(error)) this.#breaker.failed()
      throw error
    })
    this.#breaker.succeeded()
    return rows
  }

  /** Looks how far it is. Never rejects, and does nothing while the last look is under way. @param samples latest last */
  async look(samples: readonly PrimarySample[]): Promise<void> {
    if (this.#isLooking || performance.now() < this.#lookAgainAt) return
    this.#isLooking = true
    try {
      const [position] = await this.#run<Position>(this.#looks, POSITION, [])
      this.#place(position, samples)
    } catch (error) {
      this.#lost(unreachable(error))
      this.#lookAgainAt = performance.now() + RETRY_MS
    } finally {
      this.#isLooking = false
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#lists.close(), this.#looks.close()])
  }

  #place(position: Position | undefined, samples: readonly PrimarySample[]): void {
    const latest = samples.at(-1)
    if (position === undefined || latest === undefined) return
    const [, , , lsn] = position
    const misfit = misfitOf(position, latest)
    if (misfit !== null) {
      this.#lost(misfit)
      return
    }
    this.#problem = 'it is too far behind, or the primary cannot be asked'
    const reached = samples.findLast(sample => sample.lsn <= (lsn ?? 0))
    if (reached) this.#asOf = Math.max(this.#asOf, reached.at)
  }

  /** What was known of it is worth nothing until it is looked at again. */
  #lost(problem: string): void {
    this.#asOf = Number.NEGATIVE_INFINITY
    this.#problem = problem
  }

  async #run<Row extends readonly unknown[]>(
    connections: Connections,
    statement: Statement,
    values: readonly unknown[]
  ): Promise<Row[]> {
    const client = await connections.acquire()
    try {
      const rows = await runStatement<Row>(client, { ...statement, values, timeoutMs: this.#timeoutMs })
      connections.release(client, true)
      return rows
    } catch (error) {
      connections.release(client, CONSEQUENCES[classifyError(error)].keepsConnection)
      throw error
    }
  }
}

/** Why a server is no replica of the primary, in words; null when it is one. */
export function misfitOf(
  [system, database, isStandby]: Position,
  primary: Omit<PrimarySample, 'at' | 'lsn'>
): string | null {
  if (!isStandby) return 'it is no standby'
  if (system !== primary.system) return 'it is a standby of another server'
  return database === primary.database ? null : 'it has another database'
}

function unreachable(error: unknown): string {
  const { cause = error } = error as { cause?: unknown }
  return `it cannot be reached: ${cause instanceof Error ? cause.message : String(cause)}`
}
