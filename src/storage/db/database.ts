import { setTimeout as wait } from 'node:timers/promises'
import type { PoolClient, QueryArrayConfig } from 'pg'
import { SocialError } from '../../domain/errors.ts'
import { Deadline, settledWithin } from '../../lib/deadline.ts'
import type { Logger } from '../../observability/logger.ts'
import { type ConnectionCounts, type ConnectionOptions, Connections, unavailable } from './connections.ts'
import { EmbeddedEngine } from './embedded.ts'
import { CONSEQUENCES, type Consequences, classifyError, ReadOnlyError } from './errors.ts'
import { WriteWatch } from './write-watch.ts'

/** A PostgreSQL server; or an embedded database in a folder. */
export type DatabaseOptions = ConnectionOptions & ({ readonly url: string } | { readonly dataDir: string })

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

/** How often something is run at most, when it may be run again. */
const MAX_ATTEMPTS = 6
/** How much later than PostgreSQL we cancel a statement, in milliseconds: only a dead connection takes that long. */
const GRACE_MS = 1_000
const TOO_MUCH_AT_ONCE = 'Too much happens at once, try again'
const PING_DEADLINE_MS = 2_000
/** How long the start tries to reach the embedded engine, and how long it pauses between, in milliseconds. */
const START_DEADLINE_MS = 30_000
const RETRY_MS = 50
/** How often an embedded database is rid of what was deleted, in milliseconds. */
const VACUUM_MS = 3_600_000
const IS_READ_ONLY = {
  name: 'is-read-only',
  text: `select pg_is_in_recovery() or current_setting('transaction_read_only')::boolean`
}
/** Takes a megabyte of the disk, and gives it back. */
const PROBE_WRITE = {
  name: 'probe-write',
  text: `create temporary table social_probe on commit drop as select repeat('-', 1000) from generate_series(1, 1000)`
}

/** Runs statements, and knows which failures are worth another try. */
export class Database {
  readonly kind: 'embedded' | 'postgres'
  /** Whatever is read of several users may be read with one statement. */
  readonly isOnePlace: boolean = true
  readonly #connections: Connections
  readonly #engine: EmbeddedEngine | null
  readonly #writes: WriteWatch
  readonly #retryTimeoutMs: number
  readonly #answerTimeoutMs: number
  #closed: Promise<void> | undefined

  private constructor(server: string | EmbeddedEngine, options: ConnectionOptions, logger: Logger) {
    const engine = typeof server === 'string' ? null : server
    this.kind = engine ? 'embedded' : 'postgres'
    this.#connections = new Connections(server, options, logger)
    this.#engine = engine
    this.#writes = new WriteWatch({ probe: () => this.#checkWrites(), logger })
    this.#retryTimeoutMs = options.connectTimeoutMs
    this.#answerTimeoutMs = options.statementTimeoutMs + GRACE_MS
  }

  /**
   * Starts an embedded database; a PostgreSQL server is connected to on first use.
   * @throws DataInUseError when another process has the folder
   */
  static async open(options: DatabaseOptions, logger: Logger): Promise<Database> {
    if ('url' in options) return new Database(options.url, options, logger)
    return new Database(await EmbeddedEngine.start(options.dataDir, logger, VACUUM_MS), options, logger)
  }

  /**
   * Runs one statement by itself, at most once. Values and columns are what node-postgres makes of them, and int8 is a
   * number.
   * @throws SocialError `unavailable` (it has not taken effect) or `conflict` (it kept losing to concurrent ones);
   *   ConnectionLostError; an error of PostgreSQL that is the statement's own fault, with its SQLSTATE as `code`
   */
  rows<Row extends readonly unknown[]>(statement: Statement, values: readonly unknown[]): Promise<Row[]> {
    return this.#withRetries(client => this.#run<Row>(client, statement, values), false)
  }

  /**
   * As {@link rows}, for an idempotent statement: it is run again also when it may have taken effect, and so never throws
   * ConnectionLostError.
   */
  retryableRows<Row extends readonly unknown[]>(statement: Statement, values: readonly unknown[]): Promise<Row[]> {
    return this.#withRetries(client => this.#run<Row>(client, statement, values), true)
  }

  /**
   * Runs `work` in a transaction, and again from its start where that is safe: its only effects must be statements, and
   * it must await each. Nothing else of the database may be used within: an embedded one has no second connection.
   * @throws as {@link rows}; ConnectionLostError only when the connection broke during the commit
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T> {
    return this.#withRetries(async client => {
      try {
        await this.#command(client, 'begin')
        const result = await this.#within(client, work)
        await this.#commit(client)
        return result
      } catch (error) {
        const isLost = error instanceof ConnectionLostError || classifyError(error) === 'connection-lost'
        // Should this fail, the connection is still within the transaction, and is not used again.
        if (!isLost) await this.#command(client, 'rollback').catch(() => {})
        throw error
      }
    }, true)
  }

  /** Lends one connection whose statements have no time limit, and closes it afterwards: for migrations. */
  async maintain<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await this.#acquireAtStart()
    try {
      await client.query('set statement_timeout = 0')
      return await work(client)
    } finally {
      this.#connections.release(client, false)
    }
  }

  /** How many connections there are at this moment. */
  get connections(): ConnectionCounts {
    return this.#connections.counts
  }

  /** Resolves when the database can be written, rejects when it cannot, or does not say so within two seconds. */
  async ping(): Promise<void> {
    const answer = this.#checkWrites()
    if (!(await settledWithin(PING_DEADLINE_MS, answer))) throw unavailable()
    await answer
  }

  /** Lets what is running finish, and closes everything. May be called again. */
  close(): Promise<void> {
    this.#writes.close()
    this.#closed ??= this.#connections.close().then(() => this.#engine?.close())
    return this.#closed
  }

  /** @param isIdempotent whether `work` may be run again although it may have taken effect */
  async #withRetries<T>(work: (client: PoolClient) => Promise<T>, isIdempotent: boolean): Promise<T> {
    const startedAt = performance.now()
    for (let attempt = 1; ; attempt++) {
      const client = await this.#connections.acquire()
      try {
        const result = await work(client)
        this.#connections.release(client, true)
        return result
      } catch (error) {
        const { keepsConnection, refusesWrites, retry, told } = this.#given(client, error)
        this.#connections.release(client, keepsConnection)
        if (told === 'fault') throw error
        if (retry === 'if-idempotent' && !isIdempotent) throw new ConnectionLostError(error)
        const isOver = attempt === MAX_ATTEMPTS || performance.now() - startedAt > this.#retryTimeoutMs
        if (retry === 'never' || isOver) {
          if (refusesWrites) this.#writes.refused(error)
          throw told === 'unavailable' ? unavailable(error) : new SocialError('conflict', TOO_MUCH_AT_ONCE)
        }
      }
      // With jitter, or two that collided would collide again.
      await wait(Math.random() * 5 * 2 ** attempt)
    }
  }

  /** What an error comes to on this connection. */
  #given(client: PoolClient, error: unknown): Consequences {
    const kind = classifyError(error)
    if (kind !== 'read-only' || this.#connections.distrust(client)) return CONSEQUENCES[kind]
    // The server is read only now, and not only was when this connection was made: no other one would say otherwise.
    return { ...CONSEQUENCES[kind], keepsConnection: true, retry: 'never' }
  }

  /** Looks whether the database can be written; where a write was refused of late, by one. */
  #checkWrites(): Promise<void> {
    return this.#withRetries(async client => {
      const [[isReadOnly] = []] = await this.#run<[boolean]>(client, IS_READ_ONLY, [])
      if (isReadOnly) throw new ReadOnlyError()
      if (this.#writes.isRefusing) await this.#run(client, PROBE_WRITE, [])
    }, true)
  }

  /** The embedded engine is there, however long a busy machine takes to say so: its start is not to fail of that. */
  async #acquireAtStart(): Promise<PoolClient> {
    const deadline = new Deadline(this.#engine ? START_DEADLINE_MS : 0)
    for (;;) {
      try {
        return await this.#connections.acquire()
      } catch (error) {
        if (deadline.isPast || this.#engine?.hasExited) throw error
        await wait(RETRY_MS)
      }
    }
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
      throw classifyError(error) === 'connection-lost' ? new ConnectionLostError(error) : error
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
    return runStatement(client, { name, text, values, timeoutMs: this.#answerTimeoutMs })
  }
}

/** Runs a statement on one connection, once. @param run.timeoutMs after which it is given up, and the connection with it */
export async function runStatement<Row extends readonly unknown[]>(
  client: PoolClient,
  run: Statement & { readonly values: readonly unknown[]; readonly timeoutMs: number }
): Promise<Row[]> {
  const { name, text, values, timeoutMs } = run
  const query: TimedQuery = { name, text, values, rowMode: 'array', query_timeout: timeoutMs }
  return (await client.query<Row & unknown[]>(query)).rows
}
