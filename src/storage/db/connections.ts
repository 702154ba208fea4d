import { Pool, type PoolClient, type PoolConfig, types } from 'pg'
import { SocialError } from '../../domain/errors.ts'
import type { Logger } from '../../observability/logger.ts'
import type { EmbeddedEngine } from './embedded.ts'

export interface ConnectionOptions {
  /** Connections at most; an embedded database has one, whatever is said here. */
  readonly poolSize: number
  /** Longest wait for a connection, a new one or one of the pool. */
  readonly connectTimeoutMs: number
  /** Longest run of one statement. */
  readonly statementTimeoutMs: number
}

/** Callers that may wait for a connection at the same time; one more is refused at once. */
const MAX_WAITING = 2_000
const IDLE_MS = 60_000
const KEEP_ALIVE_MS = 10_000
const INT8 = 20
/**
 * Every statement is written for the one plan that its indexes give. Left to itself, PostgreSQL plans reads of the log
 * anew each time, because it takes the end of the log for a third of it unless it knows the number. For the same reason
 * nothing is compiled: it would take a quarter of a second, for rows that are not there.
 */
const ONE_PLAN = '-c plan_cache_mode=force_generic_plan -c jit=off'

/** How many connections there are at this moment. */
export interface ConnectionCounts {
  /** On which something runs, and on which nothing does. */
  readonly used: number
  readonly idle: number
  /** That there may be. */
  readonly max: number
  /** Callers that wait for one. */
  readonly waiting: number
}

/** The connections to a database: a bounded number of them, for which a bounded number of callers waits for so long. */
export class Connections {
  readonly #pool: Pool
  readonly #logger: Logger
  /** The end of each connection that is open. */
  readonly #ends = new Set<Promise<void>>()
  #isAway = false

  constructor(server: string | EmbeddedEngine, options: ConnectionOptions, logger: Logger) {
    this.#logger = logger
    this.#pool = new Pool({
      ...common(options),
      ...(typeof server === 'string' ? remote(server, options) : local(server))
    })
    this.#pool.on('connect', client => this.#connected(client))
    this.#pool.on('error', error => logger.warn({ err: error }, 'An idle database connection broke'))
  }

  get counts(): ConnectionCounts {
    const { totalCount, idleCount, waitingCount, options } = this.#pool
    return { used: totalCount - idleCount, idle: idleCount, max: options.max, waiting: waitingCount }
  }

  /** @throws SocialError `unavailable` when there is none in time, or too many wait already */
  async acquire(): Promise<PoolClient> {
    if (this.#pool.waitingCount >= MAX_WAITING) throw unavailable()
    try {
      return await this.#pool.connect()
    } catch (error) {
      if (!this.#isAway) this.#logger.warn({ err: error }, 'No database connection could be had')
      this.#isAway = true
      throw unavailable(error)
    }
  }

  /** Takes a connection back; it is closed unless it works, and is not within a transaction. */
  release(client: PoolClient, works: boolean): void {
    client.release(!works || client.getTransactionStatus() !== 'I')
  }

  /** Resolves when every connection that was lent is back, and all are closed. */
  async close(): Promise<void> {
    await this.#pool.end()
    await Promise.all(this.#ends)
  }

  #connected(client: PoolClient): void {
    if (this.#isAway) this.#logger.info('The database is connected again')
    this.#isAway = false
    // A client that breaks while it is used says so twice: to the statement, and in an event that nobody needs.
    client.on('error', () => {})
    const end = new Promise<void>(resolve => client.once('end', resolve))
    this.#ends.add(end)
    end.then(() => this.#ends.delete(end))
  }
}

/** @param cause for operators, and never shown to clients */
export function unavailable(cause?: unknown): SocialError {
  return Object.assign(new SocialError('unavailable', 'The database is not available, try again'), { cause })
}

function common({ connectTimeoutMs, statementTimeoutMs }: ConnectionOptions): PoolConfig {
  return {
    application_name: 'social-service',
    connectionTimeoutMillis: connectTimeoutMs,
    statement_timeout: statementTimeoutMs,
    idle_in_transaction_session_timeout: statementTimeoutMs,
    types: { getTypeParser: (id, format) => (id === INT8 ? Number : types.getTypeParser(id, format)) }
  }
}

function remote(url: string, { poolSize }: ConnectionOptions): PoolConfig {
  const keepAlive = { keepAlive: true, keepAliveInitialDelayMillis: KEEP_ALIVE_MS }
  return { connectionString: url, options: ONE_PLAN, max: poolSize, idleTimeoutMillis: IDLE_MS, ...keepAlive }
}

/** One connection, which stays: the engine has one session, and a second would end the first. */
function local(engine: EmbeddedEngine): PoolConfig {
  const session = { user: 'postgres', database: 'postgres', ssl: false, stream: () => engine.connect() }
  return { ...session, max: 1, idleTimeoutMillis: 0 }
}
