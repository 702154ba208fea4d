/** Shares one run of work among all callers that want the same key while it runs; its result is not cached. */
export class SingleFlight<Key, Value> {
  readonly #flights = new Map<Key, Promise<Value>>()

  /** @returns the result of the run under way, or else of `work`; a failure goes to all callers as well */
  run(key: Key, work: () => Promise<Value>): Promise<Value> {
    return this.#flights.get(key) ?? this.#start(key, work)
  }

  #start(key: Key, work: () => Promise<Value>): Promise<Value> {
    const flight = work().finally(() => this.#flights.delete(key))
    this.#flights.set(key, flight)
    return flight
  }
}

/** As {@link SingleFlight}, for work without a key. @returns what runs `work`, or joins the run under way */
export function shared<Value>(work: () => Promise<Value>): () => Promise<Value> {
  const flights = new SingleFlight<null, Value>()
  return () => flights.run(null, work)
}
