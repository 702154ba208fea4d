import type { Redis } from 'ioredis'
import { z } from 'zod'
import type { Logger } from '../observability/logger.ts'
import { type Channel, type ChannelListener, type ChannelMessage, MAX_MESSAGE_LENGTH } from './channel.ts'
import { channelMessage } from './messages.ts'
import { connectRedis, redisReason } from './redis.ts'

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
/** What goes on being wrong is said again after so long, in milliseconds. */
const REMIND_MS = 60_000

const probe = z.object({ kind: z.literal('probe') })
const envelope = z.object({ from: z.string().max(100), message: probe.or(channelMessage) })

/**
 * The channel over Redis publish/subscribe. It never waits for Redis and buffers nothing for it: what is sent while Redis
 * is away is lost, and listeners get `messages-lost` when it is back.
 */
export class RedisChannel implements Channel {
  readonly #options: RedisChannelOptions
  /** How every message of this instance begins: those that come back are dropped unread. */
  readonly #ownPrefix: string
  readonly #publisher: Redis
  readonly #subscriber: Redis
  readonly #listeners = new Set<ChannelListener>()
  readonly #probeTimer: NodeJS.Timeout
  #lastMessageAt = 0
  #isSubscribed = false
  #wasSubscribed = false
  /** When each warning was last written. */
  readonly #warnedAt = new Map<string, number>()
  #saidAway = false

  constructor(options: RedisChannelOptions) {
    this.#options = options
    this.#ownPrefix = `{"from":"${options.instance}","message":`
    const onFailure = (error: unknown): void => this.#failed(error)
    this.#publisher = connectRedis(options.url, options.logger, onFailure)
    this.#subscriber = connectRedis(options.url, options.logger, onFailure)
    this.#subscriber.on('ready', () => this.#subscribe())
    this.#subscriber.on('close', () => this.#connectionLost())
    this.#subscriber.on('message', (_, text: string) => this.#receive(text))
    this.#probeTimer = setInterval(() => this.#probe(), PROBE_MS)
  }

  /** Whether messages flow, as far as the last probe showed. */
  get isConnected(): boolean {
    return this.#isSubscribed && this.#publisher.status === 'ready'
  }

  /** Whether messages ever flowed: an instance that never received any does not know who is there. */
  get wasConnected(): boolean {
    return this.#wasSubscribed
  }

  send(message: ChannelMessage): void {
    this.#publish(message)
  }

  subscribe(listener: ChannelListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async close(): Promise<void> {
    clearInterval(this.#probeTimer)
    this.#listeners.clear()
    this.#isSubscribed = false
    this.#publisher.disconnect()
    this.#subscriber.disconnect()
  }

  #publish(message: ChannelMessage | { readonly kind: 'probe' }): void {
    if (this.#publisher.status !== 'ready') return
    const text = `${this.#ownPrefix}${JSON.stringify(message)}}`
    this.#publisher.publish(this.#options.topic, text).catch(error => this.#refused(error)) // of the rest the probe takes notice
  }

  #subscribe(): void {
    this.#subscriber.subscribe(this.#options.topic).then(
      () => this.#connected(),
      error => {
        this.#refused(error)
        this.#subscriber.disconnect(true)
      }
    )
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
  }

  #probe(): void {
    if (this.#isSubscribed && performance.now() - this.#lastMessageAt > SILENCE_MS) {
      this.#warn('Redis delivers nothing: connecting anew')
      this.#connectionLost()
      this.#subscriber.disconnect(true)
      this.#publisher.disconnect(true)
    } else {
      this.#publish({ kind: 'probe' })
    }
  }

  /** A connection that cannot be had, or is not let in. */
  #failed(error: unknown): void {
    this.#warn('Redis cannot be used', { reason: redisReason(error) })
  }

  /** An answer of Redis to one command; without any answer the connection has failed, which is said elsewhere. */
  #refused(error: unknown): void {
    if ((error as Error).name === 'ReplyError') this.#failed(error)
  }

  /** Says what is wrong, and says it again no sooner than after a while. @returns whether it did */
  #warn(message: string, fields: Readonly<Record<string, unknown>> = {}): boolean {
    const now = performance.now()
    const lastAt = this.#warnedAt.get(message) ?? Number.NEGATIVE_INFINITY
    if (now - lastAt < (this.#options.remindMs ?? REMIND_MS)) return false
    this.#warnedAt.set(message, now)
    this.#options.logger.warn(fields, message)
    return true
  }

  #receive(text: string): void {
    this.#lastMessageAt = performance.now()
    if (text.startsWith(this.#ownPrefix)) return
    const message = parse(text)
    if (message && message.kind !== 'probe') this.#notify(message)
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

function parse(text: string): z.infer<typeof envelope>['message'] | null {
  if (text.length > MAX_MESSAGE_LENGTH) return null
  try {
    return envelope.safeParse(JSON.parse(text)).data?.message ?? null
  } catch {
    return null
  }
}
