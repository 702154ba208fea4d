import { FullError } from './full-error.ts'

interface BoundedQueueOptions<T> {
  /** The weight of all items that may wait. */
  readonly limit: number
  /** What an item counts for; 1 by default. */
  readonly weightOf?: (item: T) => number
  /** What stays of the items when they are too many: none, or fewer. By default the queue ends. */
  readonly fold?: (items: readonly T[]) => readonly T[]
  /** Called once, whichever way the queue ends. */
  readonly onEnd: () => void
}

/**
 * A queue of items between one that pushes and one that iterates. It ends by {@link end}, by its consumer, or by more
 * items than can be folded; what waits in it when it ends in good order is still delivered.
 */
export class BoundedQueue<T> implements AsyncIterableIterator<T> {
  readonly #options: BoundedQueueOptions<T>
  #items: T[] = []
  #weight = 0
  /** Wakes the consumer, when it waits. */
  #wake: (() => void) | null = null
  #isEnded = false
  #error: Error | null = null

  constructor(options: BoundedQueueOptions<T>) {
    this.#options = options
  }

  /** The items that wait, oldest first. */
  get waiting(): readonly T[] {
    return this.#items
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  push(item: T): void {
    if (this.#isEnded) return
    this.#items.push(item)
    this.#weight += this.#weightOf(item)
    if (this.#weight > this.#options.limit && !this.#wake) this.#fold()
    this.#awake()
  }

  /** Ends the queue; with an error, what waits is dropped and the consumer gets the error. */
  end(error: Error | null = null): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#error = error
    if (error) this.takeAll()
    this.#awake()
    this.#options.onEnd()
  }

  /** The oldest item, taken out of the queue; undefined when none waits. */
  take(): T | undefined {
    const item = this.#items.shift()
    if (item !== undefined) this.#weight -= this.#weightOf(item)
    return item
  }

  /** All that wait, oldest first, taken out of the queue. */
  takeAll(): readonly T[] {
    const items = this.#items
    this.#items = []
    this.#weight = 0
    return items
  }

  /** Calls back once when it is worth to look for an item, or there will be none; maybe at once. One waits at a time. */
  whenReady(ready: () => void): void {
    if (this.#isEnded || this.#items.length > 0) ready()
    else this.#wake = ready
  }

  /**
   * Waits until it is worth to look again for an item: another consumer may have taken what came.
   * @returns false when there will be none; of a queue that ended with an error that is thrown first, once
   */
  isReady(): Promise<boolean> {
    const error = this.#error
    this.#error = null
    if (error) return Promise.reject(error)
    if (this.#isEnded && this.#items.length === 0) return Promise.resolve(false)
    return new Promise(resolve => this.whenReady(() => resolve(true)))
  }

  async next(): Promise<IteratorResult<T>> {
    for (;;) {
      // What waits stays in the queue until it is taken here: it can be taken by another meanwhile, and is never between.
      const item = this.take()
      if (item !== undefined) return { done: false, value: item }
      if (!(await this.isReady())) return { done: true, value: undefined }
    }
  }

  async return(): Promise<IteratorResult<T>> {
    this.takeAll()
    this.end()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #weightOf(item: T): number {
    return this.#options.weightOf?.(item) ?? 1
  }

  #awake(): void {
    const wake = this.#wake
    this.#wake = null
    wake?.()
  }

  #fold(): void {
    const { fold, limit } = this.#options
    this.#items = fold ? [...fold(this.#items)] : this.#items
    this.#weight = this.#items.reduce((weight, item) => weight + this.#weightOf(item), 0)
    if (this.#weight > limit) this.end(new FullError('Too many items wait'))
  }
}
