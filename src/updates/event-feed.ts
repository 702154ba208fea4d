import type { Bus, BusListener } from '../cluster/bus.ts'
import type { Channel, ChannelListener } from '../cluster/channel.ts'
import type { Address } from '../domain/address.ts'
import type { PairEvent, SessionsEnded, SocialEvent } from '../domain/events.ts'
import { EventOrder } from './event-order.ts'
import { LogCursor } from './log-cursor.ts'
import { LogSweeper, type SweepableLog } from './log-sweeper.ts'

/** By what an event was brought. */
export const BROUGHT_BY = ['commit', 'message', 'sweep'] as const
type BroughtBy = (typeof BROUGHT_BY)[number]

interface EventFeedOptions {
  readonly log: SweepableLog & { latest(): Promise<number>; horizon(): Promise<number> }
  /** Carries what is committed to the instances that it concerns, and the events that are in no log to all. */
  readonly channel: Channel
  /** How often the log is swept, in milliseconds. */
  readonly sweepMs: number
  /** Called for every event of a pair that concerns somebody here. */
  readonly onBrought?: (by: BroughtBy) => void
  /** Called with what a listener threw, and with the first of several failed sweeps in a row. */
  readonly onError: (error: unknown, where: 'listener' | 'log') => void
}

/** Numbers that may be missing from the log at a time. */
const MAX_MISSING = 10_000
/** Numbers before the start of this instance that are watched: their transactions may have ended after it. */
const LOOK_BACK = 1000
/** What was told is passed in the log so much later at most, in milliseconds: up to there a device takes up again. */
const PASS_MS = 1000

/**
 * Delivers the events of all instances over one database, in the form of the bus. What is committed here is told at once,
 * and sent to the instances that follow one of the two users. The log is swept besides, and brings what no message
 * brought: each event comes once, and those of a pair in their order.
 */
export class EventFeed implements Bus {
  readonly #options: EventFeedOptions
  readonly #cursor: LogCursor
  readonly #order: EventOrder
  readonly #sweeper: LogSweeper
  readonly #listeners = new Set<BusListener>()
  readonly #commitListeners = new Set<() => void>()
  /** Users who are followed, how often, and how to listen to them no more. */
  readonly #followed = new Map<Address, { refs: number; readonly stop: () => void }>()
  readonly #unsubscribe: () => void
  #isClosed = false

  private constructor(options: EventFeedOptions, cursor: LogCursor) {
    this.#options = options
    this.#cursor = cursor
    this.#order = new EventOrder(cursor)
    this.#sweeper = new LogSweeper({
      log: options.log,
      cursor,
      sweepMs: options.sweepMs,
      isAnythingWanted: () => this.#followed.size > 0,
      isWanted: ({ seq, lo, hi }) => !this.#order.isTold(seq) && (this.#isFollowed(lo) || this.#isFollowed(hi)),
      onSwept: (view, found) => this.#tellAll(this.#order.sweep(view, found), 'sweep'),
      onError: error => options.onError(error, 'log')
    })
    this.#unsubscribe = options.channel.subscribe(message => this.#receive(message))
  }

  /**
   * Starts to deliver everything that is committed from now on. The cursor exists before the channel is subscribed to.
   * What was committed before is swept while nobody is followed, and so not delivered.
   */
  static async open(options: EventFeedOptions): Promise<EventFeed> {
    const start = Math.max(await options.log.horizon(), (await options.log.latest()) - LOOK_BACK)
    const feed = new EventFeed(options, new LogCursor(start, MAX_MISSING))
    try {
      await feed.#sweeper.start()
    } catch (error) {
      await feed.close()
      throw error
    }
    return feed
  }

  /** All events up to this number were delivered, or will never be. */
  get lowWatermark(): number {
    return this.#cursor.lowWatermark
  }

  publish(event: PairEvent | SessionsEnded, after = 0): void {
    if (this.#isClosed) return
    if (event.kind === 'sessions-ended') {
      this.#notify(event)
      this.#options.channel.send(event)
      return
    }
    this.#add(event, after, 'commit')
    this.#options.channel.sendTo([event.target, event.actor], { kind: 'pair-event', event, after })
    for (const listener of this.#commitListeners) listener()
  }

  follow(user: Address): () => void {
    const followed = this.#followed.get(user) ?? { refs: 0, stop: this.#listenTo(user) }
    this.#followed.set(user, followed)
    followed.refs += 1
    let isFollowing = true
    return () => {
      if (!isFollowing) return
      isFollowing = false
      followed.refs -= 1
      if (followed.refs > 0) return
      this.#followed.delete(user)
      followed.stop()
    }
  }

  subscribe(listener: BusListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  onCommit(listener: () => void): () => void {
    this.#commitListeners.add(listener)
    return () => this.#commitListeners.delete(listener)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#unsubscribe()
    this.#listeners.clear()
    this.#commitListeners.clear()
    await this.#sweeper.close()
  }

  /** What was committed before this user is heard is in no message. */
  #listenTo(user: Address): () => void {
    return this.#options.channel.listen(user, () => this.#sweeper.sweepWithin(0))
  }

  #receive(message: Parameters<ChannelListener>[0]): void {
    if (message.kind === 'pair-event') this.#add(message.event, message.after, 'message')
    if (message.kind === 'messages-lost') this.#sweeper.sweepWithin(0)
    if (message.kind === 'sessions-ended' || message.kind === 'messages-lost') this.#notify(message)
  }

  #add(event: PairEvent, after: number, by: BroughtBy): void {
    const isFollowed = this.#isFollowed(event.target) || this.#isFollowed(event.actor)
    const events = this.#order.add(event, after, isFollowed)
    if (isFollowed) this.#tellAll(events, by)
    if (this.#order.needsSweep) this.#sweeper.sweepWithin(0)
    else if (events.length > 0) this.#sweeper.sweepWithin(PASS_MS)
  }

  #isFollowed(user: Address | undefined): boolean {
    return user !== undefined && this.#followed.has(user)
  }

  #tellAll(events: readonly PairEvent[], by: BroughtBy): void {
    for (const event of events) {
      this.#options.onBrought?.(by)
      this.#notify(event)
    }
  }

  #notify(event: SocialEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event)
      } catch (error) {
        this.#options.onError(error, 'listener')
      }
    }
  }
}
