import { setTimeout as wait } from 'node:timers/promises'
import { Pool, type PoolClient, type PoolConfig, type QueryArrayConfig, types } from 'pg'
import { SocialError } from '../domain/errors.ts'
import type { Logger } from '../observability/logger.ts'
import { EmbeddedEngine } from './embedded.ts'
import { type Failure, failureOf } from './failures.ts'

interface Limits {
  /** Connections at most; an embedded database has one, whatever is said here. */
  readonly poolSize: number
  /** Longest wait for a connection, a new one or one of the pool. */
  readonly connectTimeoutMs: number
  /** Longest run of one statement. */
  readonly statementTimeoutMs: number
  /** Callers that may wait for a connection at the same time; one more is refused at once. 2,000 by default. */
  readonly maxWaiting?: number
}

/** A PostgreSQL server; or an embedded database in a folder, or (null) in memory and gone when it is closed. */
export type DatabaseOptions = Limits & ({ readonly url: string } | { readonly dataDir: string | null })

/** One fixed text under one fixed name: each connection has it parsed and planned once. */
export interface Statement {
  readonly name: string
  readonly text: string
}

export interface Transaction {
  /** As {@link Database.rows}, within the transaction; rejects once that has ended. */
  rows<Row extends readonly unknown[]>(statement: Statement, values: readonly unknown[]): Promise<Row[]>
}

/** The connection broke while something was being written. Whether it was is not known: look before trying again. */
export class ConnectionLostError extends SocialError {
  constructor(cause: unknown) {
    super('unavailable', 'The outcome is not known, look and try again')
    this.cause = cause
  }
}

/** What node-postgres takes, of which its types do not know all. */
interface TimedQuery extends Omit<QueryArrayConfig, 'values'> {
  readonly values: readonly unknown[]
  readonly query_timeout: number
}

const MAX_WAITING = 2_000
/** How often something is run at most, when it may be run again. */
const MAX_ATTEMPTS = 6
/** How much later than PostgreSQL we give a statement up, in milliseconds: only a dead connection takes that long. */
const GRACE_MS = 1_000
const PING_DEADLINE_MS = 2_000
const PING = { name: 'ping', text: 'select 1' }
const INT8 = 20

/** Waits for a connection, runs statements on it, and knows which failures are worth another try. */
export class Database {
  readonly kind: 'embedded' | 'postgres'
  readonly #pool: Pool
  readonly #engine: EmbeddedEngine | null
  readonly #connectTimeoutMs: number
  readonly #answerTimeoutMs: number
  readonly #maxWaiting: number
  readonly #logger: Logger
  /** The end of each connection that is open. */
  readonly #ends = new Set<Promise<void>>()
  #isAway = false
  #closed: Promise<void> | undefined

  private constructor(options: DatabaseOptions, engine: EmbeddedEngine | null, logger: Logger) {
    this.kind = engine ? 'embedded' : 'postgres'
    this.#engine = engine
    this.#connectTimeoutMs = options.connectTimeoutMs
    this.#answerTimeoutMs = options.statementTimeoutMs + GRACE_MS
    this.#maxWaiting = options.maxWaiting ?? MAX_WAITING
    this.#logger = logger
    this.#pool = new Pool(poolConfig(options, engine))
    this.#pool.on('connect', client => this.#connected(client))
    this.#pool.on('error', error => logger.warn({ err: error }, 'An idle database connection broke'))
  }

  /**
   * Starts an embedded database; a PostgreSQL server is connected to on first use.
   * @throws DataInUseError when another process has the folder
   */
  static async open(options: DatabaseOptions, logger: Logger): Promise<Database> {
    const engine = 'url' in options ? null : await EmbeddedEngine.start(options.dataDir, logger)
    return new Database(options, engine, logger)
  }

  /**
   * Runs one statement by itself. Values and columns are what node-postgres makes of them, and int8 is a number.
   * @param options.idempotent whether it may be run again although it may have taken effect, as any read may
   * @throws SocialError `unavailable` (it was not run) or `conflict` (it kept losing to concurrent ones);
   *   ConnectionLostError; an error of PostgreSQL, with its SQLSTATE as `code`
   */
  rows<Row extends readonly unknown[]>(
    statement: Statement,
    values: readonly unknown[],
    options?: { readonly idempotent: boolean }
  ): Promise<Row[]> {
    return this.#perform(client => this.#run<Row>(client, statement, values), options?.idempotent ?? false)
  }

  /**
   * Runs `work` in a transaction, and again from its start where that is safe: its only effects must be statements, and
   * it must await each. Nothing else of the database may be used within: an embedded one has no second connection.
   * @throws as {@link rows}; ConnectionLostError only when the connection broke during the commit
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.#perform(async client => {
      try {
        await this.#command(client, 'begin')
        const result = await this.#within(client, work)
        await this.#commit(client)
        return result
      } catch (error) {
        // Should the rollback fail too, `release` sees that the transaction is still open.
        if (failureOf(error) !== 'lost') await this.#command(client, 'rollback').catch(() => {})
        throw error
      }
    }, true)
  }

  /** Lends one connection whose statements have no time limit, and closes it afterwards: for migrations. */
  async maintain<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await this.#acquire()
    try {
      await client.query('set statement_timeout = 0')
      return await work(client)
    } finally {
      client.release(true)
    }
  }

  /** Resolves when the database answers, rejects when it does not within two seconds. */
  async ping(): Promise<void> {
    const late = wait(PING_DEADLINE_MS, 'late' as const, { ref: false })
    const first = await Promise.race([this.rows(PING, [], { idempotent: true }), late])
    if (first === 'late') throw unavailable()
  }

  /** Lets what is running finish, and closes every connection. May be called again. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    await this.#pool.end()
    await Promise.all(this.#ends)
    await this.#engine?.close()
  }

  /** @param survivesLoss whether `work` may be run again although it may have taken effect */
  async #perform<T>(work: (client: PoolClient) => Promise<T>, survivesLoss: boolean): Promise<T> {
    const deadline = performance.now() + this.#connectTimeoutMs
    for (let attempt = 1; ; attempt++) {
      const client = await this.#acquire()
      try {
        const result = await work(client)
        release(client)
        return result
      } catch (error) {
        const failure = failureOf(error)
        release(client, failure)
        if (failure === 'refused' || failure === 'unforeseen') throw error
        if (failure === 'lost' && !survivesLoss) throw new ConnectionLostError(error)
        if (attempt === MAX_ATTEMPTS || performance.now() > deadline) throw givenUp(failure)
      }
      // With jitter, or two that collided would collide again.
      await wait(Math.random() * 5 * 2 ** attempt)
    }
  }

  async #acquire(): Promise<PoolClient> {
    if (this.#pool.waitingCount >= this.#maxWaiting) throw unavailable()
    try {
      return await this.#pool.connect()
    } catch (error) {
      if (!this.#isAway) this.#logger.warn({ err: error }, 'No database connection could be had')
      this.#isAway = true
      throw unavailable()
    }
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

  async #within<T>(client: PoolClient, work: (tx: Transaction) => Promise<T>): Promise<T> {
    let isOpen = true
    const rows: Transaction['rows'] = async (statement, values) => {
      if (!isOpen) throw new Error(`The transaction has ended: ${statement.name} comes too late`)
      return this.#run(client, statement, values)
    }
    try {
      return await work({ rows })
    } finally {
      isOpen = false
    }
  }

  async #commit(client: PoolClient): Promise<void> {
    const command = await this.#command(client, 'commit').catch(error => {
      throw failureOf(error) === 'lost' ? new ConnectionLostError(error) : error
    })
    // So PostgreSQL answers, without an error, when a statement had failed and `work` went on regardless.
    if (command === 'ROLLBACK') throw new Error('The transaction was rolled back: one of its statements had failed')
  }

  async #command(client: PoolClient, text: string): Promise<string> {
    const query = { text, query_timeout: this.#answerTimeoutMs }
    return (await client.query(query)).command
  }

  async #run<Row extends readonly unknown[]>(
    client: PoolClient,
    { name, text }: Statement,
    values: readonly unknown[]
  ): Promise<Row[]> {
    const query: TimedQuery = { name, text, values, rowMode: 'array', query_timeout: this.#answerTimeoutMs }
    return (await client.query<Row & unknown[]>(query)).rows
  }
}

function poolConfig(options: DatabaseOptions, engine: EmbeddedEngine | null): PoolConfig {
  const common: PoolConfig = {
    application_name: 'social-service',
    connectionTimeoutMillis: options.connectTimeoutMs,
    statement_timeout: options.statementTimeoutMs,
    idle_in_transaction_session_timeout: options.statementTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    types: { getTypeParser: (id, format) => (id === INT8 ? Number : types.getTypeParser(id, format)) }
  }
  if ('url' in options) {
    return { ...common, connectionString: options.url, max: options.poolSize, idleTimeoutMillis: 60_000 }
  }
  // The engine has one session, so that a second connection would meet the prepared statements of the first.
  const only = { max: 1, idleTimeoutMillis: 0, user: 'postgres', database: 'postgres', ssl: false }
  return { ...common, ...only, ...(engine && { stream: () => engine.connect() }) }
}

/** Back into the pool only goes what is known to work and is not within a transaction. */
function release(client: PoolClient, failure?: Failure): void {
  const works = failure === undefined || failure === 'undone' || failure === 'refused'
  client.release(!works || client.getTransactionStatus() !== 'I')
}

function givenUp(failure: Failure): SocialError {
  return failure === 'undone' ? new SocialError('conflict', 'Too much happens at once, try again') : unavailable()
}

function unavailable(): SocialError {
  return new SocialError('unavailable', 'The database is not available, try again')
}
