import type { Bus } from '../cluster/bus.ts'
import type { Address } from '../domain/address.ts'
import type { PairEvent } from '../domain/events.ts'
import { BoundedQueue } from '../lib/bounded-queue.ts'
import { CleanupStack } from '../lib/cleanup-stack.ts'
import { Multimap } from '../lib/multimap.ts'
import type { OpenSubscriptions } from '../subscriptions/open-subscriptions.ts'
import type { Subscriber } from '../subscriptions/subscription.ts'

interface HubDeps {
  readonly bus: Bus
  readonly subscriptions: OpenSubscriptions
  /** Events that may wait for one slow subscription before they are dropped, to be read from the log again. */
  readonly queueSize: number
}

/** So many characters of a message weigh as much as an event. */
const MESSAGE_UNIT = 256

/** Hands each event of a pair to all subscriptions of its target on this instance. */
export class Hub {
  readonly #deps: HubDeps
  readonly #byTarget = new Multimap<Address, BoundedQueue<PairEvent>>()
  readonly #unsubscribe: () => void

  constructor(deps: HubDeps) {
    this.#deps = deps
    this.#unsubscribe = deps.bus.subscribe(event => {
      if (event.kind === 'pair') for (const queue of this.#byTarget.get(event.target)) queue.push(event)
    })
  }

  /**
   * Everything that others do to this user from now on. Fails with `unauthorized` when the session ends.
   * @param fold what stays of the events that wait when they are too many
   */
  open(subscriber: Subscriber, fold: (events: readonly PairEvent[]) => readonly PairEvent[]): BoundedQueue<PairEvent> {
    const { address } = subscriber
    const cleanup = new CleanupStack()
    const queue = new BoundedQueue<PairEvent>({
      limit: this.#deps.queueSize,
      weightOf,
      fold,
      onEnd: () => cleanup.run()
    })
    this.#byTarget.add(address, queue)
    cleanup.add(() => this.#byTarget.remove(address, queue))
    cleanup.add(this.#deps.bus.follow(address))
    cleanup.add(this.#deps.subscriptions.add('updates', subscriber, error => queue.end(error)))
    return queue
  }

  close(): void {
    this.#unsubscribe()
  }
}

function weightOf({ message }: PairEvent): number {
  return 1 + Math.floor((message?.length ?? 0) / MESSAGE_UNIT)
}
