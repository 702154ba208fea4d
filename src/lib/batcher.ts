import { FullError } from './full-error.ts'

interface BatcherOptions<Key> {
  /** Keys that one batch loads at most. */
  readonly maxBatch: number
  /**
   * Batches that are loaded at the same time, each of what came within a turn of the event loop or two. Without it there is
   * one at a time, which begins at once.
   */
  readonly atOnce?: number
  /** Keys of the same group are never in one batch, and keep their order where one batch is loaded at a time. */
  readonly groupOf?: (key: Key) => unknown
  /** Whether an error says that the next batch would fail as well: then all that wait fail with it at once. */
  readonly isOutage?: (error: unknown) => boolean
}

interface Waiter<Key, Value> {
  readonly key: Key
  readonly resolve: (value: Value) => void
  readonly reject: (error: unknown) => void
}

/** More than all sockets of an instance load at a time. */
const MAX_WAITING = 100_000

/**
 * Loads many keys at a time, in the manner of DataLoader: while one batch is loaded, or as many as may be, the keys that
 * come wait for the next. So thousands of calls at once take one connection of the database, or a few, and a fraction of
 * its work. Nothing is cached.
 */
export class Batcher<Key, Value> {
  readonly #loadAll: (keys: readonly Key[]) => Promise<(key: Key) => Value>
  readonly #options: BatcherOptions<Key>
  readonly #waiting: Waiter<Key, Value>[] = []
  /** Batches that are loaded now. */
  #loading = 0
  #isTurnOpen = false

  /** @param loadAll loads all of these keys, and returns where the value of each is found */
  constructor(loadAll: (keys: readonly Key[]) => Promise<(key: Key) => Value>, options: BatcherOptions<Key>) {
    this.#loadAll = loadAll
    this.#options = options
  }

  /** @throws what its batch throws; FullError when too many wait */
  async load(key: Key): Promise<Value> {
    if (this.#waiting.length >= MAX_WAITING) throw new FullError('Too many keys wait to be loaded')
    const value = new Promise<Value>((resolve, reject) => {
      this.#waiting.push({ key, resolve, reject })
    })
    this.#schedule()
    return value
  }

  #schedule(): void {
    if (this.#options.atOnce === undefined) {
      this.#start()
    } else if (!this.#isTurnOpen) {
      this.#isTurnOpen = true
      setImmediate(() => {
        this.#isTurnOpen = false
        this.#start()
      })
    }
  }

  #start(): void {
    while (this.#waiting.length > 0 && this.#loading < (this.#options.atOnce ?? 1)) {
      this.#loading += 1
      void this.#loadBatch(this.#next())
    }
  }

  async #loadBatch(waiters: readonly Waiter<Key, Value>[]): Promise<void> {
    try {
      const lookUp = await this.#loadAll(waiters.map(({ key }) => key))
      for (const { key, resolve } of waiters) resolve(lookUp(key))
    } catch (error) {
      const others = this.#options.isOutage?.(error) ? this.#waiting.splice(0) : []
      for (const { reject } of [...waiters, ...others]) reject(error)
    }
    this.#loading -= 1
    this.#start()
  }

  /** Takes as many of those that wait as one batch can load. */
  #next(): Waiter<Key, Value>[] {
    const { maxBatch, groupOf } = this.#options
    const groups = new Set<unknown>()
    const end = this.#waiting.findIndex(({ key }, at) => {
      if (at === maxBatch) return true
      const group = groupOf ? groupOf(key) : at
      return groups.size === groups.add(group).size
    })
    return this.#waiting.splice(0, end < 0 ? this.#waiting.length : end)
  }
}
