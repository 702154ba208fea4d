import { randomBytes } from 'node:crypto'
import { Client, types } from 'pg'
import { type Address, parseAddress } from '../../src/domain/address.ts'
import type { PairEvent } from '../../src/domain/events.ts'
import { decide, type Intent, type PairAction } from '../../src/domain/friendship.ts'
import type { Database, Statement } from '../../src/storage/db/database.ts'
import { type Migrations, migrate } from '../../src/storage/db/migrator.ts'
import { EventLog } from '../../src/storage/event-log.ts'
import { FriendLists } from '../../src/storage/friend-lists.ts'
import { type CountLimits, FriendshipStore } from '../../src/storage/friendships.ts'
import { MIGRATIONS } from '../../src/storage/migrations/index.ts'
import { NOTIFICATION_OUTBOX } from '../../src/storage/notification-outbox.ts'
import { MATRIX_OUTBOX, OutboxStore } from '../../src/storage/outbox.ts'
import { type FreshDatabase, freshDatabase } from '../env/databases.ts'

/** These tests are not about time: fifty callers may have to wait for each other on a busy machine. */
const CONNECT_TIMEOUT_MS = 20_000
/** Far above what a test reaches that is not about limits. */
const NO_LIMITS: CountLimits = { friends: 1_000_000, outgoing: 1_000_000, incoming: 1_000_000 }

const SINK = 'webhook-test'
/** An outbox of events of pairs, whatever else it may hold. */
export type TestOutbox = OutboxStore<PairEvent>
/** Whose outboxes there are, each with its tables, and what is true of its own rows in them. */
export const OUTBOXES = {
  homeserver: { queue: 'matrix_outbox', position: 'matrix_log_position', gaps: 'matrix_log_gap', own: 'true' },
  sink: {
    queue: 'notification_outbox',
    position: 'notification_position',
    gaps: 'notification_gap',
    own: `sink = '${SINK}'`
  }
} as const

/** A user that no test has used. */
export function newUser(): Address {
  return parseAddress(`0x${randomBytes(20).toString('hex')}`)!
}

export function newUsers(count: number): Address[] {
  return Array.from({ length: count }, newUser)
}

/** What a test may say of an operation beside who does what to whom. */
interface OperationOptions {
  readonly message?: string
  /** Unix milliseconds. */
  readonly at?: number
  readonly limits?: CountLimits
}

/** The stores over a new database with the schema of the service. */
export class Stores implements AsyncDisposable {
  readonly db: Database
  readonly lists: FriendLists
  readonly log: EventLog
  readonly #fresh: FreshDatabase
  #clock = 1_700_000_000_000

  private constructor(fresh: FreshDatabase) {
    this.#fresh = fresh
    this.db = fresh.db
    this.lists = new FriendLists(fresh.db)
    this.log = new EventLog(fresh.db)
  }

  /** @param migrations those of this release unless given */
  static async open(
    kind: Database['kind'],
    settings: { readonly poolSize?: number } = {},
    migrations: Migrations = MIGRATIONS
  ): Promise<Stores> {
    const fresh = await freshDatabase(kind, { connectTimeoutMs: CONNECT_TIMEOUT_MS, ...settings })
    await migrate(fresh.db, migrations)
    return new Stores(fresh)
  }

  /** Where the database is, to connect to it beside the stores. */
  get url(): string {
    if (!('url' in this.#fresh.options)) throw new Error('Not a PostgreSQL server')
    return this.#fresh.options.url
  }

  /** With which the database was opened, and can be opened again. */
  get options(): FreshDatabase['options'] {
    return this.#fresh.options
  }

  friendships(limits = NO_LIMITS): FriendshipStore {
    return new FriendshipStore(this.db, limits)
  }

  /** Does one thing, once: a lost race gives null. Each operation is a minute after the one before unless `at` says otherwise. */
  act(actor: Address, action: PairAction, target: Address, options: OperationOptions = {}) {
    const { message, limits } = options
    this.#clock += 60_000
    const intent = { actor, target, action, message: message ?? null }
    return perform(this.friendships(limits), intent, options.at ?? this.#clock)
  }

  /** An outbox of one of {@link OUTBOXES} that holds nothing and was not begun. */
  async emptyOutbox(of: keyof typeof OUTBOXES): Promise<TestOutbox> {
    const { queue, position, gaps } = OUTBOXES[of]
    await this.query(`truncate ${queue}, ${position}, ${gaps}`)
    const store =
      of === 'homeserver'
        ? new OutboxStore<PairEvent>(this.db, MATRIX_OUTBOX)
        : new OutboxStore(this.db, NOTIFICATION_OUTBOX, SINK)
    return store as unknown as TestOutbox
  }

  /** An outbox that holds nothing of what happened so far; beside another one, where they share their tables. */
  async newOutbox(of: keyof typeof OUTBOXES): Promise<TestOutbox> {
    const outbox = await this.emptyOutbox(of)
    await outbox.begin()
    if (of === 'sink') await new OutboxStore(this.db, NOTIFICATION_OUTBOX, 'another').begin()
    return outbox
  }

  /** A transaction that stays open until `end` is called, on a connection of its own. */
  async hold(): Promise<HeldTransaction> {
    return HeldTransaction.begin(this.url)
  }

  async befriend(a: Address, b: Address): Promise<void> {
    await this.act(a, 'request', b)
    await this.act(b, 'accept', a)
  }

  /** The whole log, oldest first. */
  async events(): Promise<readonly PairEvent[]> {
    return eventsAfter(this.log, 0)
  }

  /** Rows of any statement of a test. */
  query<Row extends readonly unknown[]>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    return this.db.retryableRows<Row>({ name: `test ${text}`.slice(0, 60), text }, values)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#fresh[Symbol.asyncDispose]()
  }
}

/** All events after a number, oldest first. */
export async function eventsAfter(log: EventLog, seq: number): Promise<PairEvent[]> {
  const { events } = await log.sweep(seq, [], 1_000_000, false)
  return log.findAll(events.map(({ seq }) => seq))
}

/** Writes as the service does, but within a transaction that is as slow as a test wants it to be. */
export class HeldTransaction implements AsyncDisposable {
  readonly #client: Client

  private constructor(client: Client) {
    this.#client = client
  }

  static async begin(url: string): Promise<HeldTransaction> {
    const getTypeParser: typeof types.getTypeParser = (id, format) =>
      id === 20 ? Number : types.getTypeParser(id, format)
    const client = new Client({ connectionString: url, types: { getTypeParser } })
    await client.connect()
    await client.query('begin')
    return new HeldTransaction(client)
  }

  /** Takes the id of the transaction, as its first write would. */
  async identify(): Promise<void> {
    await this.#client.query('select pg_current_xact_id()')
  }

  /** Runs any statement of a test. */
  async query(text: string): Promise<void> {
    await this.#client.query(text)
  }

  async act(actor: Address, action: PairAction, target: Address): Promise<PairEvent> {
    const rows = async ({ text }: Statement, values: unknown[]) =>
      (await this.#client.query({ text, values, rowMode: 'array' })).rows
    const store = new FriendshipStore({ rows, retryableRows: rows } as unknown as Database, NO_LIMITS)
    const event = await perform(store, { actor, target, action, message: null }, 0)
    if (!event) throw new Error('Another change was faster')
    return event
  }

  async end(how: 'commit' | 'rollback'): Promise<void> {
    await this.#client.query(how)
    await this.#client.end()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.end()
  }
}

async function perform(store: FriendshipStore, intent: Intent, at: number): Promise<PairEvent | null> {
  const before = await store.read(intent.actor, intent.target)
  const decision = decide(before, intent, at)
  if (decision.kind === 'unchanged') throw new Error('It was so already')
  return store.swap(intent, before, decision.next, decision.counts)
}
