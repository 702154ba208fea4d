import { expect } from 'vitest'
import { type Channel, type ChannelListener, type ChannelMessage, SilentChannel } from '../../src/cluster/channel.ts'
import type { Address } from '../../src/domain/address.ts'
import type { SocialEvent } from '../../src/domain/events.ts'
import type { EventLog } from '../../src/storage/event-log.ts'
import { EventFeed } from '../../src/updates/event-feed.ts'
import { until } from '../env/until.ts'
import { newUser } from '../storage/stores.ts'

export const NEVER_MS = 3_600_000

type Log = Pick<EventLog, 'sweep' | 'findAll' | 'latest' | 'horizon'>

/** Whom every instance follows: to be taken once each, or transactions that are held would wait for each other. */
export const followed = Array.from({ length: 200 }, newUser)
let taken = 0
export const followedUser = (): Address => followed[taken++]!

/** The feed of one instance, and what it delivered. */
export class Instance implements AsyncDisposable {
  readonly feed: EventFeed
  readonly received: SocialEvent[] = []
  readonly errors: [where: string, error: unknown][]

  private constructor(feed: EventFeed, errors: [string, unknown][]) {
    this.feed = feed
    this.errors = errors
    feed.subscribe(event => this.received.push(event))
    for (const user of followed) feed.follow(user)
  }

  static async start(log: Log, options: { sweepMs?: number; channel?: Channel } = {}): Promise<Instance> {
    const errors: [string, unknown][] = []
    const onError = (error: unknown, where: string): void => {
      errors.push([where, error])
    }
    const { sweepMs = 5, channel = new SilentChannel() } = options
    return new Instance(await EventFeed.open({ log, channel, sweepMs, onError }), errors)
  }

  get seqs(): number[] {
    return this.received.flatMap(event => (event.kind === 'pair' ? [event.seq] : []))
  }

  async receives(...events: (SocialEvent | null)[]): Promise<void> {
    await until(() => this.received.length >= events.length, `${events.length} events are received`)
    expect(this.received.splice(0)).toEqual(events)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.feed.close()
  }
}

/** A channel whose other end is the test. */
export class TestChannel implements Channel {
  readonly isConnected = true
  readonly sent: ChannelMessage[] = []
  readonly sentTo: { readonly users: readonly Address[]; readonly message: ChannelMessage }[] = []
  /** Who is listened to, with what is to be called when that has begun. */
  readonly heard = new Map<Address, () => void>()
  receive: ChannelListener = () => undefined

  send(message: ChannelMessage): void {
    this.sent.push(message)
  }

  sendToInstance(): void {}

  sendTo(users: Iterable<Address>, message: ChannelMessage): void {
    this.sentTo.push({ users: [...users], message })
  }

  listen(user: Address, onHeard: () => void = () => undefined): () => void {
    this.heard.set(user, onHeard)
    return () => this.heard.delete(user)
  }

  subscribe(listener: ChannelListener): () => void {
    this.receive = listener
    return () => {
      this.receive = () => undefined
    }
  }

  async close(): Promise<void> {}
}
