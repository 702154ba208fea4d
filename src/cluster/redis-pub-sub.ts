import type { Redis } from 'ioredis'
import type { Address } from '../domain/address.ts'
import type { Logger } from '../observability/logger.ts'
import { connectRedis, isRefusal } from './redis.ts'

interface RedisPubSubOptions {
  readonly url: string
  /** The name under which the instances of one service find each other; users have one each that begins with it. */
  readonly topic: string
  readonly logger: Logger
  /** What is published comes again by the other connection. */
  readonly onMessage: (text: string) => void
  /** There is a connection that is subscribed to nothing. */
  readonly onOpen: () => void
  /** It is gone, with all subscriptions. */
  readonly onClose: () => void
  /** Called with why a connection cannot be had, and with what Redis refused to do. */
  readonly onFailure: (error: unknown) => void
}

/** A text, and whose topic it goes to; null for that of all instances. */
export interface Publication {
  readonly user: Address | null
  readonly text: string
}

/** The connections by which an instance publishes and subscribes. Nothing waits on them for a Redis that is away. */
export class RedisPubSub {
  readonly #options: RedisPubSubOptions
  readonly #publisher: Redis
  readonly #subscriber: Redis

  constructor(options: RedisPubSubOptions) {
    this.#options = options
    const { url, logger, onOpen, onClose, onMessage, onFailure } = options
    // Without a time for each command: whether messages flow is what the channel looks at.
    this.#publisher = connectRedis(url, logger, null)
    this.#subscriber = connectRedis(url, logger, null)
    for (const redis of [this.#publisher, this.#subscriber]) redis.on('error', onFailure)
    this.#subscriber.on('ready', onOpen)
    this.#subscriber.on('close', onClose)
    this.#subscriber.on('message', (_, text: string) => onMessage(text))
  }

  /** Whether what is published is sent at all. */
  get canPublish(): boolean {
    return this.#publisher.status === 'ready'
  }

  /** Sends all in one write, or none where Redis is away. */
  publish(publications: readonly Publication[]): void {
    if (publications.length === 0 || !this.canPublish) return
    const pipeline = this.#publisher.pipeline()
    for (const { user, text } of publications) pipeline.publish(this.#topicOf(user), text)
    pipeline.exec().then(
      results => {
        const [refusal] = results?.find(([error]) => isRefusal(error)) ?? []
        if (refusal) this.#options.onFailure(refusal)
      },
      () => undefined // the connection is lost
    )
  }

  /** Subscribes to what goes to all instances. @throws what Redis answers, or that the connection is lost */
  async subscribeToAll(): Promise<void> {
    await this.#subscriber.subscribe(this.#options.topic)
  }

  /** @throws as {@link subscribeToAll} */
  async subscribe(users: readonly Address[]): Promise<void> {
    await this.#subscriber.subscribe(...users.map(user => this.#topicOf(user)))
  }

  /** @throws as {@link subscribeToAll} */
  async unsubscribe(users: readonly Address[]): Promise<void> {
    await this.#subscriber.unsubscribe(...users.map(user => this.#topicOf(user)))
  }

  /** Gives the connections up, for new ones. */
  reconnect(): void {
    this.#subscriber.disconnect(true)
    this.#publisher.disconnect(true)
  }

  close(): void {
    this.#publisher.disconnect()
    this.#subscriber.disconnect()
  }

  #topicOf(user: Address | null): string {
    return user === null ? this.#options.topic : `${this.#options.topic}:user:${user}`
  }
}
