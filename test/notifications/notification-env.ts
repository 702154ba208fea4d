import type { Address } from '../../src/domain/address.ts'
import { EVENT_TYPES } from '../../src/domain/event-types.ts'
import type { PairEvent, SettingsEvent } from '../../src/domain/events.ts'
import type { PairAction } from '../../src/domain/friendship.ts'
import type { UserSettings } from '../../src/domain/settings.ts'
import { Dispatcher, type DispatcherOptions } from '../../src/notifications/dispatcher.ts'
import { WebhookSink } from '../../src/notifications/webhook-sink.ts'
import { MetricRegistry } from '../../src/observability/metric-registry.ts'
import { Database } from '../../src/storage/db/database.ts'
import { NOTIFICATION_OUTBOX } from '../../src/storage/notification-outbox.ts'
import { OutboxStore } from '../../src/storage/outbox.ts'
import { SettingsStore } from '../../src/storage/settings.ts'
import { silent } from '../env/databases.ts'
import { valueIn } from '../env/metric.ts'
import { paced } from '../env/pace.ts'
import { until } from '../env/until.ts'
import { WebhookReceiver } from '../env/webhook-receiver.ts'
import { Stores } from '../storage/stores.ts'

/** Of a sink that is near, and tests that do not wait for long. */
export const QUICK: DispatcherOptions = {
  lanes: 4,
  pollMs: 20,
  leaseMs: paced(60_000),
  sendMs: paced(15_000),
  pairBackoff: { firstMs: 5, maxMs: 50 },
  awayBackoff: { firstMs: 5, maxMs: 50 }
}
const GRACE_MS = paced(10_000)

interface DispatchOptions {
  readonly options?: Partial<DispatcherOptions>
  /** Longest wait for an answer, in milliseconds. */
  readonly timeoutMs?: number
  readonly now?: () => number
  /** Over this database, as another instance would be. */
  readonly db?: Database
}

/** A dispatcher with what it counts. */
export interface Instance {
  readonly dispatcher: Dispatcher
  counted(series: string): Promise<number>
  /** @param graceMs how long deliveries under way may take */
  stop(graceMs?: number): Promise<void>
}

/** Friendships and settings on a database of their own, with receivers of webhooks, each a sink by its name. */
export class NotificationEnv implements AsyncDisposable {
  readonly stores: Stores
  readonly receivers: Readonly<Record<string, WebhookReceiver>>
  readonly #opened: (() => Promise<void>)[] = []

  private constructor(stores: Stores, receivers: Readonly<Record<string, WebhookReceiver>>) {
    this.stores = stores
    this.receivers = receivers
  }

  /** @param names of the receivers; whatever happens from now on is for them */
  static async open(kind: Database['kind'], ...names: readonly string[]): Promise<NotificationEnv> {
    const stores = await Stores.open(kind, { poolSize: 10 })
    const receivers = await Promise.all(names.map(async name => [name, await WebhookReceiver.start()] as const))
    const env = new NotificationEnv(stores, Object.fromEntries(receivers))
    for (const name of names) await env.store(name).begin()
    return env
  }

  receiver(name: string): WebhookReceiver {
    const receiver = this.receivers[name]
    if (!receiver) throw new Error(`Nobody is called ${name}`)
    return receiver
  }

  store(name: string): OutboxStore<PairEvent | SettingsEvent> {
    return new OutboxStore(this.stores.db, NOTIFICATION_OUTBOX, `webhook-${name}`)
  }

  /** Does something to a friendship, which is committed when this resolves. */
  async act(actor: Address, action: PairAction, target: Address, message?: string): Promise<PairEvent> {
    const event = await this.stores.act(actor, action, target, message === undefined ? {} : { message })
    if (!event) throw new Error('Nothing came of it')
    return event
  }

  async change(user: Address, settings: Partial<UserSettings>): Promise<void> {
    await new SettingsStore(this.stores.db).change(user, settings)
  }

  /** Starts what an instance of the service has for notifications. */
  async dispatch({ options, timeoutMs = paced(15_000), now = Date.now, db }: DispatchOptions = {}): Promise<Instance> {
    const all = { ...QUICK, ...options }
    const sinks = Object.entries(this.receivers).map(
      ([name, { url, secret }]) =>
        new WebhookSink({ name, url, secrets: [secret], events: EVENT_TYPES, timeoutMs, connections: all.lanes })
    )
    const registry = new MetricRegistry()
    const dispatcher = new Dispatcher({ sinks, db: db ?? this.stores.db, registry, logger: silent, now }, all)
    let stopped: Promise<void> | undefined
    const stop = (graceMs = GRACE_MS): Promise<void> => {
      stopped ??= dispatcher.stop(graceMs).then(async () => void (await Promise.all(sinks.map(sink => sink.close()))))
      return stopped
    }
    this.#opened.unshift(() => stop())
    await dispatcher.start()
    return { dispatcher, stop, counted: async series => valueIn(await registry.render(), series) }
  }

  /** Another instance, with connections of its own to the database. */
  async dispatchElsewhere(options: DispatchOptions = {}): Promise<Instance> {
    const db = await Database.open(this.stores.options, silent)
    const instance = await this.dispatch({ ...options, db })
    this.#opened.splice(1, 0, () => db.close())
    return instance
  }

  /** Waits until a sink has everything. */
  async settled(name: string, withinMs?: number): Promise<void> {
    await until(async () => (await this.store(name).stats()).depth === 0, `${name} has everything`, withinMs)
  }

  /** What a sink is to have of each pair or user, in that order, if it was to be told all of it. */
  async expected(): Promise<Map<string, number[]>> {
    const rows = await this.stores.query<[key: string, seqs: number[]]>(
      `select key, array_agg(seq order by seq)::int[] from (
        select lo || ',' || hi as key, seq from pair_event union all select address, seq from settings_event
      ) events group by key`
    )
    return new Map(rows)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#opened) await close()
    for (const receiver of Object.values(this.receivers)) await receiver[Symbol.asyncDispose]()
    await this.stores[Symbol.asyncDispose]()
  }
}
