/** Makes one run of work serve everybody who asks for the same key while it is under way; nothing is kept after it. */
export class SingleFlight<Key, Value> {
  readonly #flights = new Map<Key, Promise<Value>>()

  /** @returns what the run under way comes to, or that of `work` when there is none */
  run(key: Key, work: () => Promise<Value>): Promise<Value> {
    return this.#flights.get(key) ?? this.#start(key, work)
  }

  #start(key: Key, work: () => Promise<Value>): Promise<Value> {
    const flight = work().finally(() => this.#flights.delete(key))
    this.#flights.set(key, flight)
    return flight
  }
}

/** As {@link SingleFlight}, for work that is the same for everybody. */
export function shared<Value>(work: () => Promise<Value>): () => Promise<Value> {
  const flights = new SingleFlight<null, Value>()
  return () => flights.run(null, work)
}
