import { AgingSet } from '../../lib/aging-set.ts'
import { Reminder } from '../../lib/reminder.ts'
import { shared } from '../../lib/single-flight.ts'
import type { Logger } from '../../observability/logger.ts'
import type { ConnectionOptions } from './connections.ts'
import type { Database, Statement } from './database.ts'
import { replicasOf } from './hosts.ts'
import { POSITION, type Position, type PrimarySample, Replica } from './replica.ts'

/** What runs the statements of lists: the primary, or whatever else may be asked. */
export type ListDatabase = Pick<Database, 'retryableRows' | 'isOnePlace'>

/** Where a list was read, and why the primary if there it was. */
export const LIST_SOURCES = ['replica', 'primary_acted', 'primary_stale', 'primary_failed'] as const
type ListSource = (typeof LIST_SOURCES)[number]

interface ReplicasDeps {
  readonly db: Database
  /** The same database on a connection of its own, on which nobody waits for others. */
  readonly observer: Database
  readonly logger: Logger
  /** Called for each list. */
  readonly onRead: (source: ListSource) => void
}

interface ReplicasOptions extends ConnectionOptions {
  /** Of one host or more, each of which is used by itself; null for none. */
  readonly replicaUrl: string | null
  /** How old a list may be, in milliseconds. */
  readonly maxLagMs: number
}

/** So often within `maxLagMs` at least it is looked how far the replicas are, and longest time between, in milliseconds. */
const LOOKS = 4
const MAX_LOOK_MS = 1_000
/** Users who are remembered to have acted of late; when there are more, everybody is taken to have. */
const MAX_ACTED = 100_000
const EVERYBODY = Symbol('everybody')

/**
 * Where lists are read that may be `maxLagMs` old: on a replica that is known to be no older, unless the list names a user
 * who has acted since. Any failure of a replica is made good by the primary. What decides anything is not read here.
 */
export class Replicas implements ListDatabase {
  readonly #deps: ReplicasDeps
  readonly #maxLagMs: number
  readonly #replicas: readonly Replica[]
  /** Who acted so lately that a replica which may be used need not have it yet. */
  readonly #acted: AgingSet<unknown>
  /** Latest last, none much older than a list may be. */
  readonly #samples: PrimarySample[] = []
  readonly #reminder = new Reminder<Replica>()
  readonly #look = shared(() => this.#lookAtAll())
  readonly #timer: NodeJS.Timeout | undefined

  /** @throws HostsError */
  constructor(deps: ReplicasDeps, options: ReplicasOptions) {
    this.#deps = deps
    const { replicaUrl, maxLagMs, ...limits } = options
    this.#maxLagMs = maxLagMs
    const hosts = replicaUrl === null ? [] : replicasOf(replicaUrl)
    this.#replicas = hosts.map(host => new Replica(host, limits, deps.logger))
    const tickMs = Math.min(MAX_LOOK_MS, maxLagMs / LOOKS)
    // The first tick may be near, and a timer a little early.
    this.#acted = new AgingSet(Math.ceil(maxLagMs / tickMs) + 2)
    if (hosts.length === 0) return
    this.#timer = setInterval(() => this.#tick(), tickMs)
    void this.#look()
  }

  /** Where the lists of a user are read depends on the user. */
  get isOnePlace(): boolean {
    return this.#replicas.length === 0
  }

  /** Those that are read at present, and those that are not. */
  get counts(): { used: number; unused: number } {
    const used = this.#usable().length
    return { used, unused: this.#replicas.length - used }
  }

  /** How old what the worst of them shows is at most, in milliseconds; 0 without any, null while it is not known. */
  get ageMs(): number | null {
    const age = Math.max(0, ...this.#replicas.map(({ ageMs }) => ageMs))
    return Number.isFinite(age) ? age : null
  }

  /** What one user did to another may have been committed just now: their lists are to show it. */
  acted({ actor, target }: Readonly<Record<'actor' | 'target', string>>): void {
    if (this.#replicas.length === 0) return
    for (const user of [actor, target]) this.#acted.touch(this.#acted.size < MAX_ACTED ? user : EVERYBODY)
  }

  /** The rows of a list. @param values with all users whom it is of. @throws as {@link Database.retryableRows} */
  async retryableRows<Row extends readonly unknown[]>(
    statement: Statement,
    values: readonly unknown[]
  ): Promise<Row[]> {
    const { db, onRead } = this.#deps
    if (this.#replicas.length === 0) return db.retryableRows(statement, values)
    const hasActed = this.#acted.has(EVERYBODY) || values.some(value => this.#acted.has(value))
    const replica = hasActed ? undefined : this.#replicaFor(values)
    try {
      const rows = await replica?.rows<Row>(statement, values)
      if (rows) onRead('replica')
      else onRead(hasActed ? 'primary_acted' : 'primary_stale')
      if (rows) return rows
    } catch {
      onRead('primary_failed')
    }
    return db.retryableRows(statement, values)
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#look()
    await Promise.all(this.#replicas.map(replica => replica.close()))
  }

  /** The same one for the same user, as long as it can be used, so that what they see does not go back and forth. */
  #replicaFor([user]: readonly unknown[]): Replica | undefined {
    const usable = this.#usable()
    return usable[(Number.parseInt(String(user).slice(-6), 16) || 0) % usable.length]
  }

  #usable(): Replica[] {
    return this.#replicas.filter(replica => replica.isUsable(this.#maxLagMs))
  }

  #tick(): void {
    this.#acted.tick()
    this.#acted.takeOld(MAX_ACTED)
    this.#report()
    void this.#look()
  }

  /** Never rejects. A replica that does not answer does not keep the others waiting, nor the next look. */
  async #lookAtAll(): Promise<void> {
    const at = performance.now()
    const rows = await this.#deps.observer.retryableRows<Position>(POSITION, []).catch(() => [])
    const [system = '', database = '', isStandby = true, lsn] = rows[0] ?? []
    // Without a primary nobody knows how old anything is.
    if (isStandby || typeof lsn !== 'number') return
    while (this.#samples[0] && at - this.#samples[0].at > 2 * this.#maxLagMs) this.#samples.shift()
    this.#samples.push({ system, database, lsn, at })
    for (const replica of this.#replicas) void replica.look(this.#samples)
  }

  #report(): void {
    for (const replica of this.#replicas) {
      const isUsable = replica.isUsable(this.#maxLagMs)
      const reason = replica.problem
      if (isUsable && this.#reminder.end(replica)) {
        this.#deps.logger.info({ replica: replica.name }, 'A read replica is used again')
      } else if (!isUsable && reason !== null && this.#reminder.isDue(replica)) {
        this.#deps.logger.warn(
          { replica: replica.name, reason },
          'A read replica is not used: lists are read from the primary'
        )
      }
    }
  }
}
