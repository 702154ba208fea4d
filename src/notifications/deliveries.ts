import type { PairEvent, SettingsEvent } from '../domain/events.ts'
import type { Backoff } from '../lib/backoff.ts'
import type { Logger } from '../observability/logger.ts'
import { countedFailure, MAX_ATTEMPTS, MAX_REFUSALS, type RetryDecision } from '../outbox/retry-decision.ts'
import { InterruptedError } from '../outbox/worker.ts'
import type { LeasedEvent } from '../storage/outbox.ts'
import { type Notification, notificationOf } from './notification.ts'
import { type NotificationSink, SinkError } from './sink.ts'
import type { SinkWatch } from './sink-watch.ts'

interface DeliveriesDeps {
  readonly sink: NotificationSink
  readonly watch: SinkWatch
  /** Seconds of a delivery that succeeded. */
  readonly onDelivered: (seconds: number) => void
  readonly logger: Logger
  /** Unix milliseconds. */
  readonly now: () => number
}

interface DeliveriesOptions {
  /** Longest time of one delivery, in milliseconds. */
  readonly sendMs: number
  /** Between the tries of one pair or user. */
  readonly backoff: Backoff
  /** How much later than the others an event is tried that found the sink away, in milliseconds. */
  readonly giveWayMs: number
}

/** Events that are remembered for having found the sink away. */
const MAX_SUSPECTS = 1_000

/** What is known of the sink when a delivery begins. */
interface Start {
  readonly at: number
  readonly deliveries: number
}

/** Delivers events to one sink, and decides what becomes of those that it does not take. */
export class Deliveries {
  readonly #deps: DeliveriesDeps
  readonly #options: DeliveriesOptions
  /** By the number of an event that found the sink away, the deliveries that there were until then. */
  readonly #suspects = new Map<number, number>()

  constructor(deps: DeliveriesDeps, options: DeliveriesOptions) {
    this.#deps = deps
    this.#options = options
  }

  /** @returns null when the sink has it, or does not want it. @throws InterruptedError */
  async deliver(leased: LeasedEvent<PairEvent | SettingsEvent>, stop: AbortSignal): Promise<RetryDecision | null> {
    const { sink, watch, onDelivered, now } = this.#deps
    const start = { at: now(), deliveries: watch.deliveries }
    const startedAt = performance.now()
    try {
      const notification = notificationOf(leased.event)
      if (!sink.wants(notification)) return null
      await this.#send(notification, stop)
    } catch (error) {
      if (stop.aborted) throw new InterruptedError()
      const decision = this.#classify(error, leased, start)
      this.#logFailure(error, leased.event, decision)
      return decision
    }
    this.#suspects.delete(leased.event.seq)
    watch.delivered()
    onDelivered((performance.now() - startedAt) / 1000)
    return null
  }

  /** Waits no longer than it may, whatever the sink makes of its signal. */
  async #send(notification: Notification, stop: AbortSignal): Promise<void> {
    const cut = new AbortController()
    const tooLate = new SinkError('No answer in time', { retry: 'away' })
    const timer = setTimeout(() => cut.abort(tooLate), this.#options.sendMs)
    const onStop = (): void => cut.abort(tooLate)
    stop.addEventListener('abort', onStop)
    try {
      const isCut = new Promise<never>((_, reject) => {
        cut.signal.addEventListener('abort', () => reject(tooLate))
      })
      await Promise.race([this.#deps.sink.send(notification, cut.signal), isCut])
    } catch (error) {
      throw cut.signal.aborted ? tooLate : error
    } finally {
      clearTimeout(timer)
      stop.removeEventListener('abort', onStop)
    }
  }

  /**
   * Only what is the event's own fault counts against it: while the sink is away nothing is parked, however long that
   * takes. A sink that takes other events between two tries of this one was not away.
   */
  #classify(error: unknown, { event, attempts }: LeasedEvent<PairEvent | SettingsEvent>, start: Start): RetryDecision {
    const { backoff } = this.#options
    if (!(error instanceof SinkError)) return countedFailure(attempts + 1, MAX_REFUSALS, 'Unforeseen error', backoff)
    const { message, retry, retryAfterMs } = error
    const limit = retry === 'never' ? 1 : MAX_ATTEMPTS
    const counted = countedFailure(attempts + 1, limit, message, backoff)
    const delayMs = Math.max(counted.delayMs, counted.parked ? 0 : (retryAfterMs ?? 0))
    if (retry !== 'away') return { ...counted, delayMs }
    const { watch } = this.#deps
    const isSuspect = watch.deliveries > (this.#suspects.get(event.seq) ?? start.deliveries)
    this.#suspect(event.seq)
    if (isSuspect && retryAfterMs === null) return counted
    const pauseMs = watch.failed(error, start.at, retryAfterMs)
    if (isSuspect) return { ...counted, delayMs: Math.max(delayMs, pauseMs + this.#options.giveWayMs) }
    return { outcome: 'away', attempts, delayMs: pauseMs + this.#options.giveWayMs, error: message, parked: false }
  }

  #suspect(seq: number): void {
    this.#suspects.delete(seq)
    this.#suspects.set(seq, this.#deps.watch.deliveries)
    const [oldest] = this.#suspects.keys()
    if (this.#suspects.size > MAX_SUSPECTS && oldest !== undefined) this.#suspects.delete(oldest)
  }

  #logFailure(error: unknown, event: PairEvent | SettingsEvent, { parked, attempts }: RetryDecision): void {
    const { logger } = this.#deps
    const { kind, seq } = event
    const whose = event.kind === 'settings' ? { user: event.user } : { actor: event.actor, target: event.target }
    const fields = { err: error, kind, seq, ...whose, attempts }
    if (parked) logger.error(fields, 'A notification cannot be delivered: it is parked, with those behind it')
    else if (!(error instanceof SinkError)) logger.error(fields, 'A notification could not be delivered')
    else logger.debug(fields, 'A notification is not delivered yet')
  }
}
