import { type Address, orderedPair } from '../../../src/domain/address.ts'
import type { PairEvent } from '../../../src/domain/events.ts'
import { decide, type PairAction } from '../../../src/domain/friendship.ts'
import { Accounts } from '../../../src/matrix/client/accounts.ts'
import { HomeserverClient } from '../../../src/matrix/client/client.ts'
import type { RoomId } from '../../../src/matrix/client/ids.ts'
import { createOutbox, type OutboxOptions } from '../../../src/matrix/outbox/outbox.ts'
import { MetricRegistry } from '../../../src/observability/metric-registry.ts'
import type { OutboxWorker } from '../../../src/outbox/worker.ts'
import { Database } from '../../../src/storage/db/database.ts'
import { migrate } from '../../../src/storage/db/migrator.ts'
import { EventLog } from '../../../src/storage/event-log.ts'
import { FriendshipStore } from '../../../src/storage/friendships.ts'
import { MatrixAccountStore } from '../../../src/storage/matrix-accounts.ts'
import { MIGRATIONS } from '../../../src/storage/migrations/index.ts'
import { MATRIX_OUTBOX, OutboxStore } from '../../../src/storage/outbox.ts'
import { type FreshDatabase, freshDatabase, postgresUrl, silent } from '../../env/databases.ts'
import { valueIn } from '../../env/metric.ts'
import { paced } from '../../env/pace.ts'
import type { SynapseAccess } from '../../env/synapse.ts'
import { until } from '../../env/until.ts'
import { eventsAfter } from '../../storage/stores.ts'
import { LogComparison, type RoomOn } from './log-comparison.ts'

/** Of a homeserver that is near, and tests that do not wait for long. */
export const QUICK: OutboxOptions = {
  lanes: 4,
  pollMs: 20,
  leaseMs: paced(60_000),
  callMs: paced(15_000),
  pairBackoff: { firstMs: 5, maxMs: 50 },
  awayBackoff: { firstMs: 5, maxMs: 50 }
}
const GRACE_MS = paced(10_000)

interface WorkerOptions {
  /** Where the worker finds the homeserver, if that is not where it is. */
  readonly url?: string
  readonly options?: Partial<OutboxOptions>
  /** Whether it is another instance, with a connection of its own to the database. */
  readonly isOther?: boolean
  readonly now?: () => number
  readonly asToken?: string
}

/** A worker with what it counts. */
export interface Worker {
  readonly outbox: OutboxWorker<PairEvent>
  readonly registry: MetricRegistry
  stop(): Promise<void>
}

/** Friendships on a database of their own, with the workers that a test wants, and a view of the homeserver. */
export class OutboxEnv implements AsyncDisposable {
  readonly store: OutboxStore
  readonly homeserver: HomeserverClient
  readonly db: Database
  readonly #fresh: FreshDatabase
  readonly #access: SynapseAccess
  readonly #roomOn: RoomOn
  readonly #comparison: LogComparison
  readonly #opened: (() => Promise<void>)[] = []

  private constructor(fresh: FreshDatabase, access: SynapseAccess, roomOn: RoomOn) {
    this.#fresh = fresh
    this.db = fresh.db
    this.store = new OutboxStore(fresh.db, MATRIX_OUTBOX)
    this.#access = access
    this.#roomOn = roomOn
    this.homeserver = this.#client(access.url, access.asToken, paced(20_000))
    this.#comparison = new LogComparison(access, this.homeserver, roomOn)
  }

  static async open(access: SynapseAccess, roomOn: RoomOn = 'request'): Promise<OutboxEnv> {
    const fresh = await freshDatabase(postgresUrl === null ? 'embedded' : 'postgres', { poolSize: 10 })
    await migrate(fresh.db, MIGRATIONS)
    const env = new OutboxEnv(fresh, access, roomOn)
    await env.store.begin()
    return env
  }

  /** Where the database is, which must be PostgreSQL. */
  get databaseUrl(): string {
    if (!('url' in this.#fresh.options)) throw new Error('Not a PostgreSQL server')
    return this.#fresh.options.url
  }

  /** Does something to a friendship, which is committed when this resolves. */
  async act(actor: Address, action: PairAction, target: Address, message: string | null = null): Promise<PairEvent> {
    const store = new FriendshipStore(this.db, { friends: 1_000_000, outgoing: 1_000_000, incoming: 1_000_000 })
    const intent = { actor, target, action, message }
    const before = await store.read(actor, target)
    const decision = decide(before, intent, Date.now())
    const event = decision.kind === 'apply' && (await store.swap(intent, before, decision.next, decision.counts))
    if (!event) throw new Error('Nothing came of it')
    return event
  }

  async befriend(a: Address, b: Address): Promise<void> {
    await this.act(a, 'request', b)
    await this.act(b, 'accept', a)
  }

  /** The room that has the alias of two users. */
  roomOf(a: Address, b: Address): Promise<RoomId | null> {
    return this.homeserver.resolveAlias(this.homeserver.ids.pairAlias(orderedPair(a, b)))
  }

  /** Starts a worker. */
  async work({ url, options, isOther, now, asToken }: WorkerOptions = {}): Promise<Worker> {
    const token = asToken ?? this.#access.asToken
    const all = { ...QUICK, ...options }
    const db = isOther ? await Database.open(this.#fresh.options, silent) : this.db
    const homeserver = this.#client(url ?? this.#access.url, token, all.callMs)
    const registry = new MetricRegistry()
    const deps = {
      homeserver,
      accounts: new Accounts(homeserver, new MatrixAccountStore(db)),
      db,
      registry,
      roomOn: this.#roomOn,
      logger: silent,
      asToken: token,
      now: now ?? Date.now
    }
    const outbox = createOutbox(deps, all)
    let stopped: Promise<void> | undefined
    const stop = (): Promise<void> => {
      stopped ??= outbox.stop(GRACE_MS).finally(() => (isOther ? db.close() : undefined))
      return stopped
    }
    this.#opened.unshift(stop)
    outbox.start()
    return { outbox, registry, stop }
  }

  /** Waits until the homeserver has everything. */
  async settled(withinMs?: number): Promise<void> {
    await until(async () => (await this.store.stats()).depth === 0, 'the outbox is empty', withinMs)
  }

  /** In what the homeserver is not as the log says, of everybody or some; empty when it is in step. */
  async differences(users?: readonly Address[]): Promise<string[]> {
    const events = await eventsAfter(new EventLog(this.db), 0)
    const isOf = ({ actor, target }: PairEvent) => !users || users.includes(actor) || users.includes(target)
    return this.#comparison.differences(events.filter(isOf), users)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#opened) await close()
    await this.#fresh[Symbol.asyncDispose]()
  }

  #client(url: string, asToken: string, timeoutMs: number): HomeserverClient {
    const client = new HomeserverClient({ ...this.#access, url, asToken, timeoutMs, connections: 16 })
    this.#opened.push(() => client.close())
    return client
  }
}

/** How often something was counted, by the full name of the metric with its labels. */
export async function counted(
  { registry }: Worker,
  name: string,
  labels: Record<string, string> = {}
): Promise<number> {
  const values = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
  const series = values.length > 0 ? `${name}{${values}}` : name
  const value = valueIn(await registry.render(), series)
  if (Number.isNaN(value)) throw new Error(`Nothing is counted as ${series}`)
  return value
}
