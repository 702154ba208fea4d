import type { Subscription } from '../subscriptions/subscription.ts'
import type { Call, ElementIterator } from './engine/service.ts'

/** What a client has subscribed to, and what it is told of one event. */
export interface Opened<Event, Response> {
  readonly events: Subscription<Event>
  readonly respond: (event: Event) => Response | Promise<Response>
}

/** What all subscriptions of one procedure have in common. */
export interface SubscriptionKind<Event, Response, Context> {
  /** @throws SocialError */
  readonly open: (payload: Uint8Array, call: Call<Context>) => Promise<Opened<Event, Response>>
  readonly encode: (response: Response) => Uint8Array
  /** The last element of a subscription that fails; throws when the procedure has none. */
  readonly refuse: (error: unknown, call: Call<Context>) => Uint8Array
}

const NO_BYTES = new Uint8Array(0)
const OVER = { done: true, value: undefined } as const

/**
 * The elements of a subscription, as a generator would make them. A generator holds its arguments as long as it is open,
 * and with what it waits for takes kilobytes: of a subscription to which nothing happens for hours there are too many.
 */
export class SubscriptionElements<Event, Response, Context> implements ElementIterator {
  readonly #kind: SubscriptionKind<Event, Response, Context>
  readonly #call: Call<Context>
  /** The request, until it is opened. */
  #payload: Uint8Array
  /** Also when that has failed; null when it is open. */
  #opening: Promise<Opened<Event, Response>> | null = null
  #opened: Opened<Event, Response> | null = null
  /** Settles with the next element, while it is made; never fails. */
  #pending: Promise<void> | null = null
  #isOver = false

  constructor(kind: SubscriptionKind<Event, Response, Context>, payload: Uint8Array, call: Call<Context>) {
    this.#kind = kind
    this.#payload = payload
    this.#call = call
  }

  whenReady(ready: () => void): void {
    if (this.#opened) this.#opened.events.whenReady(ready)
    else this.#open().then(({ events }) => events.whenReady(ready), ready)
  }

  /** To be called again when it has settled. */
  next(): Promise<IteratorResult<Uint8Array>> {
    const next = this.#next()
    const settled = (): void => {
      this.#pending = null
    }
    this.#pending = next.then(settled, settled)
    return next
  }

  /** Resolves when nothing is done for it any more. */
  async return(): Promise<IteratorResult<Uint8Array>> {
    this.#isOver = true
    await this.#opening?.catch(() => undefined)
    await Promise.all([this.#opened?.events.return(), this.#pending])
    return OVER
  }

  async #next(): Promise<IteratorResult<Uint8Array>> {
    if (this.#isOver) return OVER
    try {
      const { events, respond } = this.#opened ?? (await this.#open())
      const { done, value } = await events.next()
      if (!done) return { done: false, value: this.#kind.encode(await respond(value)) }
      this.#isOver = true
      return OVER
    } catch (error) {
      this.#isOver = true
      await this.#opened?.events.return()
      return { done: false, value: this.#kind.refuse(error, this.#call) }
    }
  }

  #open(): Promise<Opened<Event, Response>> {
    this.#opening ??= this.#begin(this.#payload)
    return this.#opening
  }

  async #begin(payload: Uint8Array): Promise<Opened<Event, Response>> {
    this.#payload = NO_BYTES
    this.#opened = await this.#kind.open(payload, this.#call)
    this.#opening = null
    return this.#opened
  }
}
