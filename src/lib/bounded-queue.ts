import { FullError } from './full-error.ts'

/**
 * A queue of items between one that pushes and one that iterates. It ends by {@link end}, by an item too many, or by its
 * consumer; what waits in it when it ends in good order is still delivered.
 */
export class BoundedQueue<T> implements AsyncIterableIterator<T> {
  readonly #limit: number
  readonly #onEnd: () => void
  readonly #overflow: () => Error
  #items: T[] = []
  /** The consumer, when it waits for an item. */
  #pull: PromiseWithResolvers<IteratorResult<T>> | null = null
  #isEnded = false
  #error: Error | null = null

  /**
   * @param onEnd called once, whichever way the queue ends
   * @param overflow the error for the consumer of a queue that was full
   */
  constructor(limit: number, onEnd: () => void, overflow: () => Error = () => new FullError('Too many items wait')) {
    this.#limit = limit
    this.#onEnd = onEnd
    this.#overflow = overflow
  }

  /** The items that wait, oldest first. */
  get waiting(): readonly T[] {
    return this.#items
  }

  push(item: T): void {
    if (this.#isEnded) return
    if (this.#pull) {
      this.#resolve({ done: false, value: item })
    } else if (this.#items.length < this.#limit) {
      this.#items.push(item)
    } else {
      // A consumer that is this far behind has to start anew: memory is worth more than what it missed.
      this.#items = []
      this.end(this.#overflow())
    }
  }

  /** Ends the queue; with an error, what waits is dropped and the consumer gets the error. */
  end(error: Error | null = null): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#error = error
    if (error) this.#items = []
    if (this.#pull && error) this.#reject(error)
    else if (this.#pull) this.#resolve({ done: true, value: undefined })
    this.#onEnd()
  }

  async next(): Promise<IteratorResult<T>> {
    const item = this.#items.shift()
    if (item !== undefined) return { done: false, value: item }
    if (this.#error) {
      const error = this.#error
      this.#error = null
      throw error
    }
    if (this.#isEnded) return { done: true, value: undefined }
    this.#pull = withResolvers()
    return this.#pull.promise
  }

  async return(): Promise<IteratorResult<T>> {
    this.#items = []
    this.end()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #resolve(result: IteratorResult<T>): void {
    this.#pull?.resolve(result)
    this.#pull = null
  }

  #reject(error: Error): void {
    this.#pull?.reject(error)
    this.#pull = null
  }
}

interface PromiseWithResolvers<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
  readonly reject: (reason: unknown) => void
}

/** Promise.withResolvers, which Node 20 does not have. */
function withResolvers<T>(): PromiseWithResolvers<T> {
  let settle: Omit<PromiseWithResolvers<T>, 'promise'> | undefined
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject }
  })
  return { promise, ...(settle as Omit<PromiseWithResolvers<T>, 'promise'>) }
}
