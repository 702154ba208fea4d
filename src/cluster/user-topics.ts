import { chunksOf } from '../lib/chunks.ts'

/** Where users, and instances by their names, are subscribed to; a promise resolves when the server has done it. */
export interface TopicConnection {
  subscribe(users: readonly string[]): Promise<unknown>
  unsubscribe(users: readonly string[]): Promise<unknown>
}

interface Topic {
  readonly user: string
  /** How many listen. */
  refs: number
  /** Whether the connection was told to subscribe. */
  isSubscribed: boolean
  /** Whether the server has said that it did. */
  isHeard: boolean
  /** Those who want to know it. */
  readonly waiting: Set<() => void>
}

/** Users that one command subscribes to. */
const CHUNK = 500

/**
 * The users to whom somebody here listens. What comes and goes in one turn of the event loop is told to the server at its
 * end; while there is no connection nothing is, and all of it when there is one.
 */
export class UserTopics {
  readonly #connection: TopicConnection
  readonly #onFailure: (error: unknown) => void
  readonly #topics = new Map<string, Topic>()
  /** Topics that are to be looked at at the end of the turn. */
  readonly #changed = new Set<Topic>()
  #isOpen = false
  #isScheduled = false

  /** @param onFailure called when a server does not do what it was told: who is heard is not known from then on */
  constructor(connection: TopicConnection, onFailure: (error: unknown) => void) {
    this.#connection = connection
    this.#onFailure = onFailure
  }

  get size(): number {
    return this.#topics.size
  }

  /** As {@link Channel.listen}. */
  listen(user: string, onHeard?: () => void): () => void {
    const topic = this.#topics.get(user) ?? { user, refs: 0, isSubscribed: false, isHeard: false, waiting: new Set() }
    this.#topics.set(user, topic)
    topic.refs += 1
    if (onHeard) topic.waiting.add(onHeard)
    if (onHeard || !topic.isSubscribed) this.#schedule(topic)
    let isListening = true
    return () => {
      if (!isListening) return
      isListening = false
      topic.refs -= 1
      if (onHeard) topic.waiting.delete(onHeard)
      if (topic.refs === 0) this.#schedule(topic)
    }
  }

  /** There is a new connection. @returns when all users are heard; fails when the server does not subscribe to them */
  async open(): Promise<void> {
    this.#isOpen = true
    await this.#subscribe([...this.#topics.values()])
  }

  /** The connection is lost, and with it every subscription. */
  lost(): void {
    this.#isOpen = false
    for (const topic of this.#topics.values()) {
      topic.isSubscribed = false
      topic.isHeard = false
    }
  }

  #schedule(topic: Topic): void {
    this.#changed.add(topic)
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => this.#flush())
  }

  #flush(): void {
    this.#isScheduled = false
    const [wanted, unwanted]: [Topic[], Topic[]] = [[], []]
    for (const topic of this.#changed) {
      if (topic.refs === 0) {
        this.#topics.delete(topic.user)
        if (topic.isSubscribed) unwanted.push(topic)
      } else if (topic.isHeard) {
        callAll(topic)
      } else if (!topic.isSubscribed) {
        wanted.push(topic)
      }
    }
    this.#changed.clear()
    if (!this.#isOpen) return
    for (const users of chunksOf(unwanted, CHUNK))
      this.#connection.unsubscribe(users.map(userOf)).catch(this.#onFailure)
    this.#subscribe(wanted).catch(this.#onFailure)
  }

  async #subscribe(topics: readonly Topic[]): Promise<void> {
    const subscriptions = chunksOf(topics, CHUNK).map(async chunk => {
      for (const topic of chunk) topic.isSubscribed = true
      await this.#connection.subscribe(chunk.map(userOf))
      for (const topic of chunk) {
        topic.isHeard = topic.isSubscribed // and not lost meanwhile
        if (topic.isHeard) callAll(topic)
      }
    })
    await Promise.all(subscriptions)
  }
}

function callAll({ waiting }: Topic): void {
  const callbacks = [...waiting]
  waiting.clear()
  for (const callback of callbacks) callback()
}

const userOf = ({ user }: Topic): string => user
