import { ClusterPubSub } from './cluster-pub-sub.ts'
import { RedisQuestion } from './redis-kind.ts'
import { type Publication, type PubSub, type PubSubOptions, RedisPubSub } from './redis-pub-sub.ts'

/** Asks Redis whether it is one server or a cluster, and is then what that takes; until it answers, Redis is away. */
export class LatePubSub implements PubSub {
  readonly #question: RedisQuestion
  #pubSub: PubSub | null = null
  #isClosed = false

  constructor(options: PubSubOptions) {
    this.#question = new RedisQuestion(options.url, options.logger, options.onFailure)
    void this.#question.kind.then(kind => {
      if (this.#isClosed) return
      this.#pubSub = kind === 'cluster' ? new ClusterPubSub(options) : new RedisPubSub(options)
    })
  }

  get canPublish(): boolean {
    return this.#pubSub?.canPublish ?? false
  }

  publish(publications: readonly Publication[]): void {
    this.#pubSub?.publish(publications)
  }

  async subscribeToAll(): Promise<void> {
    await this.#pubSub?.subscribeToAll()
  }

  async subscribe(users: readonly string[]): Promise<void> {
    await this.#pubSub?.subscribe(users)
  }

  async unsubscribe(users: readonly string[]): Promise<void> {
    await this.#pubSub?.unsubscribe(users)
  }

  reconnect(): void {
    this.#pubSub?.reconnect()
  }

  close(): void {
    this.#isClosed = true
    this.#question.stop()
    this.#pubSub?.close()
  }
}
