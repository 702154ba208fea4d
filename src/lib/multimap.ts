/** What is held for one key: one value by itself, as most keys have one and a set takes ten times as much; or several. */
interface Entry<Key, Value> {
  readonly key: Key
  values: Value | Several<Value>
}

/** Told from a set that is a value. */
class Several<Value> extends Set<Value> {}

const NONE: ReadonlySet<never> = new Set<never>()

/** A set of values for each key. A key without values takes no memory. */
export class Multimap<Key, Value> {
  readonly #entries = new Map<Key, Entry<Key, Value>>()

  /** The values of a key. They may change with the map: copy them before you change the map while you iterate. */
  get(key: Key): ReadonlySet<Value> {
    const entry = this.#entries.get(key)
    if (entry === undefined) return NONE
    return entry.values instanceof Several ? entry.values : new Set([entry.values])
  }

  /** @returns the key of the entry, to intern equal strings: hold this one, and the others can be freed */
  add(key: Key, value: Value): Key {
    const entry = this.#entries.get(key)
    if (entry === undefined) this.#entries.set(key, { key, values: value })
    else if (entry.values instanceof Several) entry.values.add(value)
    else if (entry.values !== value) entry.values = new Several([entry.values, value])
    return entry?.key ?? key
  }

  /** @returns whether the value was there */
  remove(key: Key, value: Value): boolean {
    const entry = this.#entries.get(key)
    if (entry === undefined) return false
    if (!(entry.values instanceof Several)) return entry.values === value && this.#entries.delete(key)
    const wasThere = entry.values.delete(value)
    if (entry.values.size === 0) this.#entries.delete(key)
    return wasThere
  }

  /** The values of all keys, as they are now: one that several keys have comes several times. */
  values(): Value[] {
    return [...this.#entries.values()].flatMap(({ values }) => (values instanceof Several ? [...values] : [values]))
  }
}
