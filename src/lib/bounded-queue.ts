import { FullError } from './full-error.ts'

/**
 * A bounded line of updates between one that pushes and one that iterates. It ends by {@link end}, by a full queue or
 * by its consumer; what waits in it when it ends in good order is still delivered.
 */
export class BoundedQueue<T> implements AsyncIterableIterator<T> {
  readonly #limit: number
  readonly #onEnd: () => void
  readonly #overflow: () => Error
  #items: T[] = []
  #waiting: PromiseWithResolvers<IteratorResult<T>> | null = null
  #ended = false
  #error: Error | null = null

  /**
   * @param onEnd called once, whichever way the queue ends
   * @param overflow what the consumer of a queue that was full is told
   */
  constructor(limit: number, onEnd: () => void, overflow: () => Error = () => new FullError('Too many items wait')) {
    this.#limit = limit
    this.#onEnd = onEnd
    this.#overflow = overflow
  }

  /** What waits to be taken, oldest first. */
  get waiting(): readonly T[] {
    return this.#items
  }

  push(item: T): void {
    if (this.#ended) return
    if (this.#waiting) {
      this.#settle({ done: false, value: item })
    } else if (this.#items.length < this.#limit) {
      this.#items.push(item)
    } else {
      // A consumer that is this far behind has to start anew from the lists: its memory is worth more than its past.
      this.#items = []
      this.end(this.#overflow())
    }
  }

  /** Ends the line; with an error, what waits is dropped and the consumer gets the error. */
  end(error: Error | null = null): void {
    if (this.#ended) return
    this.#ended = true
    this.#error = error
    if (error) this.#items = []
    if (this.#waiting && error) this.#reject(error)
    else if (this.#waiting) this.#settle({ done: true, value: undefined })
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
    if (this.#ended) return { done: true, value: undefined }
    this.#waiting = withResolvers()
    return this.#waiting.promise
  }

  async return(): Promise<IteratorResult<T>> {
    this.#items = []
    this.end()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #settle(result: IteratorResult<T>): void {
    this.#waiting?.resolve(result)
    this.#waiting = null
  }

  #reject(error: Error): void {
    this.#waiting?.reject(error)
    this.#waiting = null
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
