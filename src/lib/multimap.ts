/** The values of one key. */
interface Entry<Key, Value> {
  readonly key: Key
  readonly values: Set<Value>
}

/** Sets by key. A set that is empty is not there. */
export class Multimap<Key, Value> {
  readonly #entries = new Map<Key, Entry<Key, Value>>()

  get(key: Key): ReadonlySet<Value> {
    return this.#entries.get(key)?.values ?? new Set()
  }

  /** @returns the key that is kept: of texts that are equal it is one for all, and the others need no memory */
  add(key: Key, value: Value): Key {
    const entry = this.#entries.get(key) ?? { key, values: new Set() }
    if (entry.values.size === 0) this.#entries.set(key, entry)
    entry.values.add(value)
    return entry.key
  }

  /** @returns whether it was there */
  remove(key: Key, value: Value): boolean {
    const values = this.#entries.get(key)?.values
    if (!values?.delete(value)) return false
    if (values.size === 0) this.#entries.delete(key)
    return true
  }

  /** All values of all keys, as they are now. */
  values(): Value[] {
    return [...this.#entries.values()].flatMap(({ values }) => [...values])
  }
}
