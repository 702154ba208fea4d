/** Sets by key. A set that is empty is not there. */
export class SetMap<Key, Value> {
  readonly #sets = new Map<Key, Set<Value>>()

  get(key: Key): ReadonlySet<Value> {
    return this.#sets.get(key) ?? new Set()
  }

  add(key: Key, value: Value): void {
    const set = this.#sets.get(key)
    if (set) set.add(value)
    else this.#sets.set(key, new Set([value]))
  }

  /** @returns whether it was there */
  remove(key: Key, value: Value): boolean {
    const set = this.#sets.get(key)
    if (!set?.delete(value)) return false
    if (set.size === 0) this.#sets.delete(key)
    return true
  }

  /** All values of all keys, as they are now. */
  values(): Value[] {
    return [...this.#sets.values()].flatMap(set => [...set])
  }
}
