import type { Redis } from 'ioredis'
import { z } from 'zod'
import type { Logger } from '../observability/logger.ts'
import { type Channel, type ChannelListener, type ChannelMessage, MAX_MESSAGE_LENGTH } from './channel.ts'
import { channelMessage } from './messages.ts'
import { connectRedis } from './redis.ts'

interface RedisChannelOptions {
  readonly url: string
  /** The name under which the instances of one service find each other. */
  readonly topic: string
  /** The id of this instance, which no other one has or had. */
  readonly instance: string
  readonly logger: Logger
}

/** How often an instance sends itself a message, to see that messages flow; in milliseconds. */
const PROBE_MS = 1000
/** Without any message for so long the connection is taken for dead, though it looks alive; in milliseconds. */
const SILENCE_MS = 3000

const probe = z.object({ kind: z.literal('probe') })
const envelope = z.object({ from: z.string().max(100), message: probe.or(channelMessage) })

/**
 * The channel over Redis publish/subscribe. It never waits for Redis and keeps nothing for it: what is sent while Redis
 * is away is lost, and listeners are told so when it is back.
 */
export class RedisChannel implements Channel {
  readonly #options: RedisChannelOptions
  /** How every message of this instance starts: those that come back are not worth reading. */
  readonly #ownPrefix: string
  readonly #publisher: Redis
  readonly #subscriber: Redis
  readonly #listeners = new Set<ChannelListener>()
  readonly #probe: NodeJS.Timeout
  #lastHeard = 0
  #isListening = false
  #wasListening = false

  constructor(options: RedisChannelOptions) {
    this.#options = options
    this.#ownPrefix = `{"from":"${options.instance}","message":`
    this.#publisher = connectRedis(options.url, options.logger)
    this.#subscriber = connectRedis(options.url, options.logger)
    this.#subscriber.on('ready', () => this.#listen())
    this.#subscriber.on('close', () => this.#fellSilent())
    this.#subscriber.on('message', (_, text: string) => this.#receive(text))
    this.#probe = setInterval(() => this.#probeNow(), PROBE_MS)
  }

  /** Whether messages flow, as far as the last probe could tell. */
  get isConnected(): boolean {
    return this.#isListening && this.#publisher.status === 'ready'
  }

  /** Whether messages ever flowed: an instance that never heard the others does not know who is there. */
  get wasConnected(): boolean {
    return this.#wasListening
  }

  send(message: ChannelMessage): void {
    this.#publish(message)
  }

  subscribe(listener: ChannelListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async close(): Promise<void> {
    clearInterval(this.#probe)
    this.#listeners.clear()
    this.#isListening = false
    this.#publisher.disconnect()
    this.#subscriber.disconnect()
  }

  #publish(message: ChannelMessage | { readonly kind: 'probe' }): void {
    if (this.#publisher.status !== 'ready') return
    const text = `${this.#ownPrefix}${JSON.stringify(message)}}`
    this.#publisher.publish(this.#options.topic, text).catch(() => undefined) // seen by the probe
  }

  #listen(): void {
    this.#subscriber.subscribe(this.#options.topic).then(
      () => this.#heardAgain(),
      () => this.#subscriber.disconnect(true)
    )
  }

  #heardAgain(): void {
    this.#isListening = true
    this.#lastHeard = performance.now()
    if (this.#wasListening) this.#options.logger.info('Redis is connected again')
    this.#wasListening = true
    // The first time too: what others said since this instance was started was not heard.
    this.#tell({ kind: 'messages-lost' })
  }

  #fellSilent(): void {
    if (this.#isListening) this.#options.logger.warn('Redis is away: other instances are heard through the log only')
    this.#isListening = false
  }

  #probeNow(): void {
    if (this.#isListening && performance.now() - this.#lastHeard > SILENCE_MS) {
      this.#options.logger.warn('Redis delivers nothing: connecting anew')
      this.#fellSilent()
      this.#subscriber.disconnect(true)
      this.#publisher.disconnect(true)
    } else {
      this.#publish({ kind: 'probe' })
    }
  }

  #receive(text: string): void {
    this.#lastHeard = performance.now()
    if (text.startsWith(this.#ownPrefix)) return
    const message = parse(text)
    if (message && message.kind !== 'probe') this.#tell(message)
  }

  #tell(message: Parameters<ChannelListener>[0]): void {
    for (const listener of this.#listeners) {
      try {
        listener(message)
      } catch (error) {
        this.#options.logger.error({ err: error }, 'A message of another instance could not be taken')
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
