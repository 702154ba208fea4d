import type { Redis } from 'ioredis'
import { settledWithin } from '../lib/deadline.ts'
import { Multimap } from '../lib/multimap.ts'
import { shared } from '../lib/single-flight.ts'
import { connectRedis, isRefusal, nodeUrl, nodeUrls } from './redis.ts'
import { type Publication, type PubSub, type PubSubOptions, send, topicOf } from './redis-pub-sub.ts'
import { keyOf, type Master, SlotMap } from './slot-map.ts'

/** How often it is looked who serves what, and whether everybody answers, in milliseconds. */
const LOOK_MS = 1_000
/** A master that has not answered for so long is taken for dead, though its connection looks alive; in milliseconds. */
const SILENCE_MS = 3_000

/** The connections to one master. */
interface Node {
  readonly publisher: Redis
  readonly subscriber: Redis
  answeredAt: number
}

/**
 * Publishes and subscribes on a Redis Cluster. What goes to users is sharded: it stays on the master of their topic, so that
 * each master that is added takes its share. What goes to all instances goes over all of the cluster.
 *
 * Whatever happens to any master, or to who serves what, all subscriptions are begun anew: what was missed in between is
 * then known to have been missed.
 */
export class ClusterPubSub implements PubSub {
  readonly #options: PubSubOptions
  /** Who is asked while there is nobody else. */
  readonly #seeds: readonly string[]
  readonly #nodes = new Map<string, Node>()
  #slots: SlotMap | null = null
  #isOpen = false
  #isClosed = false
  readonly #look = shared(() => this.#lookAround())
  readonly #timer: NodeJS.Timeout

  constructor(options: PubSubOptions) {
    this.#options = options
    this.#seeds = nodeUrls(options.url)
    this.#timer = setInterval(() => void this.#tick(), LOOK_MS)
    void this.#look()
  }

  get canPublish(): boolean {
    return this.#isOpen && [...this.#nodes.values()].every(({ publisher }) => publisher.status === 'ready')
  }

  publish(publications: readonly Publication[]): void {
    if (!this.canPublish) return
    const byNode = new Multimap<Node, Publication>()
    for (const publication of publications) {
      const node = this.#nodeOf(publication.user)
      if (node) byNode.add(node, publication)
    }
    for (const node of this.#nodes.values()) {
      const pipeline = node.publisher.pipeline()
      for (const { user, text } of byNode.get(node)) {
        const topic = topicOf(this.#options.topic, user)
        if (user === null) pipeline.publish(topic, text)
        else pipeline.spublish(topic, text)
      }
      if (pipeline.length > 0) send(pipeline, error => this.#refused(error))
    }
  }

  async subscribeToAll(): Promise<void> {
    await this.#nodeOf(null)?.subscriber.subscribe(this.#options.topic)
  }

  async subscribe(users: readonly string[]): Promise<void> {
    await this.#each(users, (subscriber, topic) => subscriber.ssubscribe(topic))
  }

  async unsubscribe(users: readonly string[]): Promise<void> {
    await this.#each(users, (subscriber, topic) => subscriber.sunsubscribe(topic))
  }

  reconnect(): void {
    this.#lost()
    for (const { publisher, subscriber } of this.#nodes.values()) {
      publisher.disconnect(true)
      subscriber.disconnect(true)
    }
    void this.#look()
  }

  close(): void {
    this.#isClosed = true
    clearInterval(this.#timer)
    for (const key of this.#nodes.keys()) this.#drop(key)
  }

  #nodeOf(user: string | null): Node | undefined {
    const master = this.#slots?.masterOf(topicOf(this.#options.topic, user))
    return master && this.#nodes.get(keyOf(master))
  }

  /** One command for each topic, as topics of one command must be of one slot; in one write to each master. */
  async #each(users: readonly string[], run: (subscriber: Redis, topic: string) => Promise<unknown>): Promise<void> {
    const nodes = [...this.#nodes.values()]
    for (const { subscriber } of nodes) subscriber.stream?.cork()
    const answers = users.map(async user => {
      const node = this.#nodeOf(user)
      if (!node) throw new Error('Nobody serves this topic')
      await run(node.subscriber, topicOf(this.#options.topic, user))
    })
    for (const { subscriber } of nodes) subscriber.stream?.uncork()
    try {
      await Promise.all(answers)
    } catch (error) {
      if (!isMoved(error)) throw error
      this.reconnect()
      throw new Error('Who serves what has changed', { cause: error })
    }
  }

  #refused(error: unknown): void {
    if (isMoved(error)) this.reconnect()
    else this.#options.onFailure(error)
  }

  async #tick(): Promise<void> {
    const now = performance.now()
    for (const node of this.#nodes.values()) {
      if (!this.#isOpen) node.answeredAt = now
      else if (now - node.answeredAt > SILENCE_MS) return this.reconnect()
      node.subscriber.ping().then(
        () => {
          node.answeredAt = performance.now()
        },
        () => undefined
      )
    }
    await this.#look()
  }

  /** Asks who serves what: a master that is known, or else the nodes that were named. Never rejects. */
  async #lookAround(): Promise<void> {
    const known = [...this.#nodes.values()].find(({ publisher }) => publisher.status === 'ready')
    if (known) return this.#ask(known.publisher)
    for (const url of this.#seeds) {
      const seed = connectRedis(url, this.#options.logger)
      const isReady = await new Promise<boolean>(resolve => {
        seed.once('ready', () => resolve(true))
        seed.once('close', () => resolve(false))
        seed.on('error', this.#options.onFailure)
      })
      if (isReady) await this.#ask(seed)
      seed.disconnect()
      if (isReady && this.#slots) return
    }
  }

  async #ask(redis: Redis): Promise<void> {
    try {
      const answer = redis.cluster('SLOTS')
      if (!(await settledWithin(SILENCE_MS, answer))) throw new Error('No answer')
      this.#adopt(SlotMap.parse(await answer, redis.options.host ?? ''))
    } catch (error) {
      if (isRefusal(error)) this.#options.onFailure(error)
      // A master that does not answer this is not asked again.
      else redis.disconnect(true)
    }
  }

  #adopt(slots: SlotMap): void {
    if (this.#isClosed || slots.text === this.#slots?.text) return
    this.#slots = slots
    const wanted = new Set(slots.masters.map(keyOf))
    for (const key of this.#nodes.keys()) if (!wanted.has(key)) this.#drop(key)
    // Before new ones are connected to: a connection that is given up in the turn in which it is begun never comes back.
    this.reconnect()
    for (const master of slots.masters) {
      if (!this.#nodes.has(keyOf(master))) this.#nodes.set(keyOf(master), this.#connect(master))
    }
  }

  #connect(master: Master): Node {
    const { logger, onMessage, onFailure } = this.#options
    const url = nodeUrl(this.#options.url, master)
    const [publisher, subscriber] = [connectRedis(url, logger, null), connectRedis(url, logger, null)]
    for (const redis of [publisher, subscriber]) redis.on('error', onFailure)
    subscriber.on('message', (_, text: string) => onMessage(text))
    subscriber.on('smessage', (_, text: string) => onMessage(text))
    const node = { publisher, subscriber, answeredAt: performance.now() }
    const lose = (): void => {
      if (this.#isOpen && [...this.#nodes.values()].includes(node)) this.reconnect()
    }
    subscriber.on('ready', () => this.#openIfComplete())
    publisher.on('ready', () => this.#openIfComplete())
    subscriber.on('close', lose)
    // The server has ended a subscription by itself: somebody else serves it now.
    subscriber.on('moved', lose)
    return node
  }

  #drop(key: string): void {
    const node = this.#nodes.get(key)
    this.#nodes.delete(key)
    for (const redis of [node?.publisher, node?.subscriber]) redis?.disconnect()
  }

  #openIfComplete(): void {
    const all = [...this.#nodes.values()].flatMap(({ publisher, subscriber }) => [publisher, subscriber])
    if (this.#isOpen || this.#isClosed || !this.#slots?.isComplete || all.some(({ status }) => status !== 'ready'))
      return
    this.#isOpen = true
    this.#options.onOpen()
  }

  #lost(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#options.onClose()
  }
}

function isMoved(error: unknown): boolean {
  return isRefusal(error) && /^(MOVED|ASK)\b/.test((error as Error).message)
}
