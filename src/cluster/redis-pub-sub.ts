import type { ChainableCommander, Redis } from 'ioredis'
import type { Logger } from '../observability/logger.ts'
import { connectRedis, isRefusal } from './redis.ts'

export interface PubSubOptions {
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

/** How an instance publishes and subscribes, whatever Redis is. Nothing waits for a Redis that is away. */
export interface PubSub {
  /** Whether what is published is sent at all. */
  readonly canPublish: boolean
  /** Sends all in one write to each server, or none where Redis is away. */
  publish(publications: readonly Publication[]): void
  /** Subscribes to what goes to all instances. @throws what Redis answers, or that the connection is lost */
  subscribeToAll(): Promise<void>
  /** @throws as {@link subscribeToAll} */
  subscribe(users: readonly string[]): Promise<void>
  /** @throws as {@link subscribeToAll} */
  unsubscribe(users: readonly string[]): Promise<void>
  /** Gives the connections up, for new ones. */
  reconnect(): void
  close(): void
}

/** The topic of a user, of an instance by its name, or of all instances. */
export function topicOf(topic: string, user: string | null): string {
  return user === null ? topic : `${topic}:user:${user}`
}

/** A text, and whose topic it goes to, of a user or an instance; null for that of all instances. */
export interface Publication {
  readonly user: string | null
  readonly text: string
}

/** The connections to one server by which an instance publishes and subscribes. */
export class RedisPubSub implements PubSub {
  readonly #options: PubSubOptions
  readonly #publisher: Redis
  readonly #subscriber: Redis

  constructor(options: PubSubOptions) {
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

  get canPublish(): boolean {
    return this.#publisher.status === 'ready'
  }

  publish(publications: readonly Publication[]): void {
    if (publications.length === 0 || !this.canPublish) return
    const pipeline = this.#publisher.pipeline()
    for (const { user, text } of publications) pipeline.publish(topicOf(this.#options.topic, user), text)
    send(pipeline, this.#options.onFailure)
  }

  async subscribeToAll(): Promise<void> {
    await this.#subscriber.subscribe(this.#options.topic)
  }

  async subscribe(users: readonly string[]): Promise<void> {
    await this.#subscriber.subscribe(...users.map(user => topicOf(this.#options.topic, user)))
  }

  async unsubscribe(users: readonly string[]): Promise<void> {
    await this.#subscriber.unsubscribe(...users.map(user => topicOf(this.#options.topic, user)))
  }

  reconnect(): void {
    this.#subscriber.disconnect(true)
    this.#publisher.disconnect(true)
  }

  close(): void {
    this.#publisher.disconnect()
    this.#subscriber.disconnect()
  }
}

/** Sends what a pipeline holds, without waiting for it. @param onRefused called with the first that Redis refuses */
export function send(pipeline: ChainableCommander, onRefused: (error: unknown) => void): void {
  pipeline.exec().then(
    results => {
      const [refusal] = results?.find(([error]) => isRefusal(error)) ?? []
      if (refusal) onRefused(refusal)
    },
    () => undefined // the connection is lost
  )
}
