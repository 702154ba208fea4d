import type { Address } from '../domain/address.ts'
import { Reminder } from '../lib/reminder.ts'
import type { Logger } from '../observability/logger.ts'
import type { Channel, ChannelListener, ChannelMessage } from './channel.ts'
import { Envelope, messagesIn } from './envelope.ts'
import { LatePubSub } from './late-pub-sub.ts'
import { isRefusal, redisReason } from './redis.ts'
import type { Publication, PubSub } from './redis-pub-sub.ts'
import { UserTopics } from './user-topics.ts'

interface RedisChannelOptions {
  /** The id of this instance, which no other one has or had. */
  readonly instance: string
  readonly url: string
  /** The name under which the instances of one service find each other. */
  readonly topic: string
  readonly logger: Logger
  /** How often a warning is repeated at most, in milliseconds. */
  readonly remindMs?: number
}

/** How often an instance sends itself a message, to see that messages flow; in milliseconds. */
const PROBE_MS = 1000
/** Without any message for so long the connection is taken for dead, though it looks alive; in milliseconds. */
const SILENCE_MS = 3000

/**
 * The channel over Redis publish/subscribe: a topic for all instances, and one for each user to whom somebody listens. It
 * never waits for Redis and buffers nothing for it: what is sent while Redis is away is lost, and listeners get
 * `messages-lost` when it is back. What is sent in one turn of the event loop is one write, and one message for each user.
 */
export class RedisChannel implements Channel {
  readonly #options: RedisChannelOptions
  readonly #envelope: Envelope
  readonly #redis: PubSub
  readonly #topics: UserTopics
  readonly #listeners = new Set<ChannelListener>()
  readonly #probeTimer: NodeJS.Timeout
  /** Texts for all that wait for the end of the turn, and messages for users and for instances, as JSON. */
  readonly #toAll: string[] = []
  readonly #toUsers = new Map<string, string[]>()
  #isFlushScheduled = false
  #lastMessageAt = 0
  #isSubscribed = false
  #wasSubscribed = false
  /** Of each warning. */
  readonly #reminder: Reminder<string>
  #saidAway = false

  constructor(options: RedisChannelOptions) {
    this.#options = options
    this.#reminder = new Reminder(options.remindMs)
    this.#envelope = new Envelope(options.instance)
    this.#redis = new LatePubSub({
      url: options.url,
      topic: options.topic,
      logger: options.logger,
      onOpen: () => void this.#begin(),
      onClose: () => this.#connectionLost(),
      onMessage: text => this.#receive(text),
      onFailure: error => this.#failed(error)
    })
    this.#topics = new UserTopics(this.#redis, error => this.#notSubscribed(error))
    this.#topics.listen(options.instance)
    this.#probeTimer = setInterval(() => this.#probe(), PROBE_MS)
  }

  /** Whether messages flow, as far as the last probe showed. */
  get isConnected(): boolean {
    return this.#isSubscribed && this.#redis.canPublish
  }

  /** Whether messages ever flowed: an instance that never received any does not know who is there. */
  get wasConnected(): boolean {
    return this.#wasSubscribed
  }

  /** Users who are listened to. */
  get users(): number {
    return this.#topics.size - 1 // which is the topic of this instance
  }

  send(message: ChannelMessage): void {
    if (!this.#redis.canPublish) return
    this.#toAll.push(this.#envelope.toAll(message))
    this.#scheduleFlush()
  }

  sendTo(users: Iterable<Address>, message: ChannelMessage): void {
    this.#sendTo(users, message)
  }

  sendToInstance(instance: string, message: ChannelMessage): void {
    this.#sendTo([instance], message)
  }

  listen(user: Address, onHeard?: () => void): () => void {
    return this.#topics.listen(user, onHeard)
  }

  subscribe(listener: ChannelListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async close(): Promise<void> {
    clearInterval(this.#probeTimer)
    this.#flush()
    this.#listeners.clear()
    this.#isSubscribed = false
    this.#redis.close()
  }

  #sendTo(users: Iterable<string>, message: ChannelMessage): void {
    if (!this.#redis.canPublish) return
    const text = JSON.stringify(message)
    for (const user of users) {
      const texts = this.#toUsers.get(user)
      if (texts) texts.push(text)
      else this.#toUsers.set(user, [text])
    }
    this.#scheduleFlush()
  }

  #scheduleFlush(): void {
    if (this.#isFlushScheduled) return
    this.#isFlushScheduled = true
    setImmediate(() => this.#flush())
  }

  #flush(): void {
    this.#isFlushScheduled = false
    const publications: Publication[] = this.#toAll.splice(0).map(text => ({ user: null, text }))
    for (const [user, messages] of this.#toUsers) {
      for (const text of this.#envelope.toListeners(messages)) publications.push({ user, text })
    }
    this.#toUsers.clear()
    this.#redis.publish(publications)
  }

  async #begin(): Promise<void> {
    try {
      await this.#redis.subscribeToAll()
      await this.#topics.open()
      this.#connected()
    } catch (error) {
      this.#notSubscribed(error)
    }
  }

  #notSubscribed(error: unknown): void {
    if (!isRefusal(error)) return // the connection is lost, and comes back by itself
    this.#failed(error)
    this.#redis.reconnect()
  }

  #connected(): void {
    this.#isSubscribed = true
    this.#lastMessageAt = performance.now()
    if (this.#saidAway) this.#options.logger.info('Redis is connected again')
    this.#saidAway = false
    this.#wasSubscribed = true
    // The first time too: what others sent since this instance was started was not received.
    this.#notify({ kind: 'messages-lost' })
  }

  #connectionLost(): void {
    if (this.#isSubscribed && this.#warn('Redis is away: other instances are followed through the log only')) {
      this.#saidAway = true
    }
    this.#isSubscribed = false
    this.#topics.lost()
  }

  #probe(): void {
    if (this.#isSubscribed && performance.now() - this.#lastMessageAt > SILENCE_MS) {
      this.#warn('Redis delivers nothing: connecting anew')
      this.#connectionLost()
      this.#redis.reconnect()
    } else if (this.#redis.canPublish) {
      this.#toAll.push(this.#envelope.probe)
      this.#scheduleFlush()
    }
  }

  /** A connection that cannot be had, or is not let in; or what Redis refused to do. Of the rest the probe takes notice. */
  #failed(error: unknown): void {
    this.#warn('Redis cannot be used', { reason: redisReason(error) })
  }

  /** Says what is wrong, and says it again no sooner than after a while. @returns whether it did */
  #warn(message: string, fields: Readonly<Record<string, unknown>> = {}): boolean {
    if (!this.#reminder.isDue(message)) return false
    this.#options.logger.warn(fields, message)
    return true
  }

  #receive(text: string): void {
    this.#lastMessageAt = performance.now()
    if (this.#envelope.isOwn(text)) return
    for (const message of messagesIn(text)) this.#notify(message)
  }

  #notify(message: Parameters<ChannelListener>[0]): void {
    for (const listener of this.#listeners) {
      try {
        listener(message)
      } catch (error) {
        this.#options.logger.error({ err: error }, 'A message of another instance could not be handled')
      }
    }
  }
}
