import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { OUTBOX_OPTIONS } from '../src/app/matrix-outbox.ts'
import { type Address, parseAddress } from '../src/domain/address.ts'
import type { PairEvent } from '../src/domain/events.ts'
import { decide, type PairAction } from '../src/domain/friendship.ts'
import { Accounts } from '../src/matrix/client/accounts.ts'
import { HomeserverClient } from '../src/matrix/client/client.ts'
import { createOutbox } from '../src/matrix/outbox/outbox.ts'
import { createLogger } from '../src/observability/logger.ts'
import { MetricRegistry } from '../src/observability/metric-registry.ts'
import type { OutboxWorker } from '../src/outbox/worker.ts'
import { Database } from '../src/storage/db/database.ts'
import { migrate } from '../src/storage/db/migrator.ts'
import { FriendshipStore } from '../src/storage/friendships.ts'
import { MatrixAccountStore } from '../src/storage/matrix-accounts.ts'
import { MIGRATIONS } from '../src/storage/migrations/index.ts'
import { MATRIX_OUTBOX, OutboxStore } from '../src/storage/outbox.ts'

export interface Access {
  readonly url: string
  readonly serverName: string
  readonly asToken: string
}

/** How fast pairs were brought in step. */
export interface PairsMeasurement {
  readonly pairsPerSecond: number
  /** CPU time of one pair in milliseconds: of this process, which has nothing else to do, and of the homeserver. */
  readonly cpuMs: number
  readonly homeserverCpuMs: number
}

type UserPair = readonly [Address, Address]

const WARM_UP_PAIRS = 5
const POLL_MS = 20

/** Commits requests and their acceptances, and measures how long it takes until a homeserver has all of them. */
export class Pairs implements AsyncDisposable {
  readonly #db: Database
  readonly #access: Access
  readonly #homeserver: HomeserverClient

  private constructor(db: Database, access: Access) {
    this.#db = db
    this.#access = access
    this.#homeserver = new HomeserverClient({
      ...access,
      timeoutMs: OUTBOX_OPTIONS.callMs,
      connections: 3 * OUTBOX_OPTIONS.lanes
    })
  }

  /** @param databaseUrl of an empty database */
  static async open(databaseUrl: string, access: Access): Promise<Pairs> {
    const limits = { poolSize: 20, connectTimeoutMs: 2_000, statementTimeoutMs: 10_000 }
    const db = await Database.open({ url: databaseUrl, ...limits }, logger)
    await migrate(db, MIGRATIONS)
    await new OutboxStore(db, MATRIX_OUTBOX).begin()
    return new Pairs(db, access)
  }

  /**
   * @param newUsers whether nobody was ever on the homeserver, or everybody has logged in before
   * @param homeserverCpu CPU time of the homeserver so far, in milliseconds
   */
  async measure(count: number, newUsers: boolean, homeserverCpu: () => number): Promise<PairsMeasurement> {
    const pairs = newPairs(count + WARM_UP_PAIRS)
    if (!newUsers) {
      const accounts = new Accounts(this.#homeserver, new MatrixAccountStore(this.#db))
      for (const user of pairs.flat()) await accounts.ensure(user)
    }
    await this.#bringInStep(pairs.slice(0, WARM_UP_PAIRS), homeserverCpu)
    return this.#bringInStep(pairs.slice(WARM_UP_PAIRS), homeserverCpu)
  }

  /** Gives the homeserver pairs to be at work on, until what is returned is disposed of. */
  async keepBusy(count: number): Promise<AsyncDisposable> {
    for (const pair of newPairs(count)) await this.#befriend(pair)
    const worker = this.#worker()
    worker.start()
    return { [Symbol.asyncDispose]: () => worker.stop(OUTBOX_OPTIONS.callMs) }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#homeserver.close()
    await this.#db.close()
  }

  async #bringInStep(pairs: readonly UserPair[], homeserverCpu: () => number): Promise<PairsMeasurement> {
    for (const pair of pairs) await this.#befriend(pair)
    const store = new OutboxStore(this.#db, MATRIX_OUTBOX)
    const worker = this.#worker()
    const [from, cpuFrom, homeserverFrom] = [performance.now(), process.cpuUsage(), homeserverCpu()]
    worker.start()
    try {
      while ((await store.stats()).depth > 0) await wait(POLL_MS)
    } finally {
      await worker.stop(OUTBOX_OPTIONS.callMs)
    }
    const { user, system } = process.cpuUsage(cpuFrom)
    return {
      pairsPerSecond: (1000 * pairs.length) / (performance.now() - from),
      cpuMs: (user + system) / 1000 / pairs.length,
      homeserverCpuMs: (homeserverCpu() - homeserverFrom) / pairs.length
    }
  }

  #worker(): OutboxWorker<PairEvent> {
    const [homeserver, db, { asToken }] = [this.#homeserver, this.#db, this.#access]
    const registry = new MetricRegistry()
    const accounts = new Accounts(homeserver, new MatrixAccountStore(db))
    const roomOn = 'request'
    return createOutbox({ homeserver, accounts, asToken, db, roomOn, registry, logger, now: Date.now }, OUTBOX_OPTIONS)
  }

  async #befriend([asks, asked]: UserPair): Promise<void> {
    await this.#act(asks, 'request', asked)
    await this.#act(asked, 'accept', asks)
  }

  async #act(actor: Address, action: PairAction, target: Address): Promise<void> {
    const store = new FriendshipStore(this.#db, { friends: 10, outgoing: 10, incoming: 10 })
    const intent = { actor, target, action, message: null }
    const before = await store.read(actor, target)
    const decision = decide(before, intent, Date.now())
    if (decision.kind === 'apply') await store.swap(intent, before, decision.next, decision.counts)
  }
}

const logger = createLogger({ level: 'warn', format: 'auto' })

function newPairs(count: number): UserPair[] {
  return Array.from({ length: count }, () => [newAddress(), newAddress()])
}

function newAddress(): Address {
  return parseAddress(`0x${randomBytes(20).toString('hex')}`)!
}
