import { randomBytes } from 'node:crypto'
import { type Address, parseAddress } from '../../src/domain/address.ts'
import type { PairEvent } from '../../src/domain/events.ts'
import { decide, type PairAction } from '../../src/domain/friendship.ts'
import type { Database } from '../../src/storage/database.ts'
import { EventLog } from '../../src/storage/event-log.ts'
import { FriendLists } from '../../src/storage/friend-lists.ts'
import { type CountLimits, FriendshipStore } from '../../src/storage/friendships.ts'
import { MIGRATIONS } from '../../src/storage/migrations/index.ts'
import { migrate } from '../../src/storage/migrator.ts'
import { type FreshDatabase, freshDatabase } from '../env/databases.ts'

/** Far above what a test reaches that is not about limits. */
const NO_LIMITS: CountLimits = { friends: 1_000_000, outgoing: 1_000_000 }

/** A user that no test has met. */
export function newUser(): Address {
  return parseAddress(`0x${randomBytes(20).toString('hex')}`)!
}

export function newUsers(count: number): Address[] {
  return Array.from({ length: count }, newUser)
}

/** What a test may say of a deed beside who does what to whom. */
interface Circumstances {
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

  static async open(kind: Database['kind'], settings: { readonly poolSize?: number } = {}): Promise<Stores> {
    const fresh = await freshDatabase(kind, settings)
    await migrate(fresh.db, MIGRATIONS)
    return new Stores(fresh)
  }

  /** Where the database is, to connect to it beside the stores. */
  get url(): string {
    if (!('url' in this.#fresh.options)) throw new Error('Not a PostgreSQL server')
    return this.#fresh.options.url
  }

  friendships(limits = NO_LIMITS): FriendshipStore {
    return new FriendshipStore(this.db, limits, false)
  }

  /** Does one thing, once: a lost race gives null. Each deed is a minute after the one before unless told. */
  async act(actor: Address, action: PairAction, target: Address, circumstances: Circumstances = {}) {
    const { message, limits } = circumstances
    this.#clock += 60_000
    const at = circumstances.at ?? this.#clock
    const store = this.friendships(limits)
    const intent = { actor, target, action, message: message ?? null }
    const before = await store.read(actor, target)
    const decision = decide(before, intent, at)
    if (decision.kind === 'keep') throw new Error('It was so already')
    return store.swap(intent, before, decision.next, decision.counts)
  }

  async befriend(a: Address, b: Address): Promise<void> {
    await this.act(a, 'request', b)
    await this.act(b, 'accept', a)
  }

  /** The whole log, oldest first. */
  async events(): Promise<readonly PairEvent[]> {
    return (await this.log.after(0, [], 1_000_000)).events
  }

  /** Rows of any statement of a test. */
  query<Row extends readonly unknown[]>(text: string, values: readonly unknown[] = []): Promise<Row[]> {
    return this.db.rows<Row>({ name: `test ${text}`.slice(0, 60), text }, values, { idempotent: true })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#fresh[Symbol.asyncDispose]()
  }
}
