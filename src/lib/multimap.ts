/** The values of one key. */
interface Entry<Key, Value> {
  readonly key: Key
  readonly values: Set<Value>
}

const NONE: ReadonlySet<never> = new Set<never>()

/** A set of values for each key. A key without values takes no memory. */
export class Multimap<Key, Value> {
  readonly #entries = new Map<Key, Entry<Key, Value>>()

  /** The set itself, which changes with the map: copy it before you change the map while you iterate. */
  get(key: Key): ReadonlySet<Value> {
    return this.#entries.get(key)?.values ?? NONE
  }

  /** @returns the key of the entry, to intern equal strings: hold this one, and the others can be freed */
  add(key: Key, value: Value): Key {
    const entry = this.#entries.get(key) ?? { key, values: new Set() }
    if (entry.values.size === 0) this.#entries.set(key, entry)
    entry.values.add(value)
    return entry.key
  }

  /** @returns whether the value was there */
  remove(key: Key, value: Value): boolean {
    const values = this.#entries.get(key)?.values
    if (!values?.delete(value)) return false
    if (values.size === 0) this.#entries.delete(key)
    return true
  }

  /** The values of all keys, as they are now: one that several keys have comes several times. */
  values(): Value[] {
    return [...this.#entries.values()].flatMap(({ values }) => [...values])
  }
}
