import { Pool, type PoolClient, type PoolConfig, types } from 'pg'
import { SocialError } from '../../domain/errors.ts'
import { Deadline } from '../../lib/deadline.ts'
import type { Logger } from '../../observability/logger.ts'
import type { EmbeddedEngine } from './embedded.ts'
import { connecting } from './host-client.ts'
import { Hosts } from './hosts.ts'

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
/** A connection that is younger, in milliseconds, says how its server is now: another one would be no better. */
const YOUNG_MS = 200
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
  readonly #hostCount: number
  readonly #timeoutMs: number
  readonly #logger: Logger
  /** The end of each connection that is open. */
  readonly #ends = new Set<Promise<void>>()
  readonly #openedAt = new WeakMap<PoolClient, number>()
  /** Connections that were opened before are not used again, by the monotonic clock. */
  #trustedSince = 0
  #isAway = false

  constructor(server: string | EmbeddedEngine, options: ConnectionOptions, logger: Logger) {
    this.#logger = logger
    this.#timeoutMs = options.connectTimeoutMs
    const place = typeof server === 'string' ? Hosts.of(server) : server
    this.#hostCount = place instanceof Hosts ? place.count : 1
    this.#pool = new Pool({ ...common(options), ...(place instanceof Hosts ? remote(place, options) : local(place)) })
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
    for (;;) {
      const client = await this.#connect()
      if (this.#isTrusted(client)) return client
      client.release(true)
    }
  }

  /** Takes a connection back; it is closed unless it works, is trusted, and is not within a transaction. */
  release(client: PoolClient, works: boolean): void {
    client.release(!works || !this.#isTrusted(client) || client.getTransactionStatus() !== 'I')
  }

  /**
   * The server of this connection takes no writes. It may be a standby that was once the primary, or have stood in for it:
   * no connection that is as old is used again, so that each caller comes to the server that is the primary now.
   * @returns whether a new connection may be better than this one
   */
  distrust(client: PoolClient): boolean {
    const now = performance.now()
    if (!this.#isTrusted(client)) return true
    if (now - this.#openedAtOf(client) < YOUNG_MS) return false
    this.#trustedSince = now
    return true
  }

  /** Resolves when every connection that was lent is back, and all are closed. */
  async close(): Promise<void> {
    await this.#pool.end()
    await Promise.all(this.#ends)
  }

  /** A connection to one of the hosts, each of which is tried once, as long as there is time. */
  async #connect(): Promise<PoolClient> {
    const deadline = new Deadline(this.#timeoutMs)
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#pool.connect()
      } catch (error) {
        if (attempt < this.#hostCount && !deadline.isPast) continue
        if (!this.#isAway) this.#logger.warn({ err: error }, 'No database connection could be had')
        this.#isAway = true
        throw unavailable(error)
      }
    }
  }

  #isTrusted(client: PoolClient): boolean {
    return this.#openedAtOf(client) >= this.#trustedSince
  }

  #openedAtOf(client: PoolClient): number {
    return this.#openedAt.get(client) ?? 0
  }

  #connected(client: PoolClient): void {
    this.#openedAt.set(client, performance.now())
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

function remote(hosts: Hosts, { poolSize, connectTimeoutMs }: ConnectionOptions): PoolConfig {
  const keepAlive = { keepAlive: true, keepAliveInitialDelayMillis: KEEP_ALIVE_MS }
  const config = { options: ONE_PLAN, max: poolSize, idleTimeoutMillis: IDLE_MS, ...keepAlive }
  return { ...config, ...connecting(hosts, connectTimeoutMs) }
}

/** One connection, which stays: the engine has one session, and a second would end the first. */
function local(engine: EmbeddedEngine): PoolConfig {
  const session = { user: 'postgres', database: 'postgres', ssl: false, stream: () => engine.connect() }
  return { ...session, max: 1, idleTimeoutMillis: 0 }
}
